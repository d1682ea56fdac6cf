"""The weights of salesforce-lavis, where InstructBLIP and EmoVIT come from.

names.py        what LAVIS calls a tensor, and what it is called here
weights.py      its `.pth` files
importing.py    from such a file to a checkpoint
exporting.py    and back
"""
