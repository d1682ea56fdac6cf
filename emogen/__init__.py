"""emogen: emotion visual instruction data from captions, attributes and any language model."""
