"""Humorous captions, a model's against people's, in a blind vote (EmoVIT, section 4.6 and Figure 9)."""
