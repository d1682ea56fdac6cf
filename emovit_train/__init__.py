"""emovit_train: tunes the Q-Former of an InstructBLIP-like model on emotion instructions, and scores it."""
