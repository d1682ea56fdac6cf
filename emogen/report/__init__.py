"""What a run came to, to look at: its figures, a page that opens offline, and a dataset card.

rows (read fast) → tally (one pass) → figures (what is said) → page, card, JSON.
"""
