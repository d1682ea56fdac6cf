"""What a report on half a million samples takes."""
