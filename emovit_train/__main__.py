"""Runs `python -m emovit_train`."""

from emovit_train.cli import main

main()
