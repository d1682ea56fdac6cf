"""Scores a tuned assembly on labelled photographs."""
