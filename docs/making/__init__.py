"""What makes the documentation's site, and its page of commands."""
