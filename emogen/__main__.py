"""Runs `python -m emogen`."""

from emogen.cli import main

main()
