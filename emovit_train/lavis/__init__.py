"""salesforce-lavis, where InstructBLIP and EmoVIT come from: its weights, and its own training loop.

names.py        what LAVIS calls a tensor, and what it is called here
weights.py      its `.pth` files
importing.py    from such a file to a checkpoint
exporting.py    and back
environment.py  an environment of its own for LAVIS 1.0.2, which pins libraries of 2023
engine.py       `train --engine lavis`; job.py: what LAVIS is told
inside.py       the script that runs in that environment; nothing here may import it
"""
