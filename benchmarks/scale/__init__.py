"""What Ray adds to a run: `emogen generate` with and without it, in one process, on one node and on two."""
