"""Measures what ranking many labels costs beside one forward pass over the prompt."""
