"""What an export of half a million samples costs."""
