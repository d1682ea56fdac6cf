"""What a step of tuning costs, beside transformers' plain forward and beside batches of one row."""
