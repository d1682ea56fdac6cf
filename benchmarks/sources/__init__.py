"""What reading, selecting and rendering cost at the size of EmoSet-118K."""
