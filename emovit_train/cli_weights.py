"""The commands that bring weights in and out: LAVIS' files, and complete folders of transformers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from emogen.completion import names_in
from emogen.errors import InputError
from emogen.terminal import AsJson, say, show_json

__all__ = ["add_commands"]

Checkpoint = Annotated[Path, typer.Argument(help="Folder written by `emovit_train train` or `import-lavis`.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what is there already.")]


def add_commands(app: typer.Typer) -> None:
    """Add `fetch`, `import-lavis`, `export-lavis`, `merge` and `setup-lavis`."""
    app.command()(fetch)
    app.command("import-lavis")(import_lavis)
    app.command("export-lavis")(export_lavis)
    app.command()(merge)
    app.command("setup-lavis")(setup_lavis)


def fetch(
    model: Annotated[str, typer.Argument(help="Its name on the Hub, as Salesforce/instructblip-vicuna-7b.")],
    arch: Annotated[
        str,
        typer.Option(
            help="Its kind, where its name does not tell: instructblip, llava.",
            autocompletion=names_in("emovit_train.models:MODELS"),
        ),
    ] = "auto",
    yes: Annotated[bool, typer.Option("--yes", help="Download it without asking.")] = False,
) -> None:
    """Download a checkpoint from the Hugging Face Hub.

    What it takes of disk, memory and time is said before.
    """
    from emovit_train.hub import is_hub_name, obtain
    from emovit_train.models import resolve_model

    if not is_hub_name(model):
        raise InputError(
            "no name on the Hub", where=model, remedy="Write owner/name, or owner/name@revision."
        )
    resolve_model(model, arch)
    say(obtain(model, arch, yes=yes))


def import_lavis(
    file: Annotated[Path, typer.Argument(help="A .pth that LAVIS saved, such as EmoVIT's released weights.")],
    model: Annotated[str, typer.Option(help="The InstructBLIP checkpoint folder that it was tuned on.")],
    out: Annotated[Path, typer.Option(help="Folder for the checkpoint.")],
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Make a checkpoint of LAVIS' weights, such as EmoVIT's."""
    from emovit_train.lavis.importing import import_lavis as run

    done = run(file, model, out, overwrite=overwrite)
    if as_json:
        show_json({"out": out, **vars(done)})
        return
    say(f"taken      {done.tensors} tensors: {', '.join(done.parts)}")
    if done.from_base:
        say(f"from base  {', '.join(done.from_base)}: not in the file")
    if done.frozen:
        say(f"frozen     {done.frozen} tensors are in the file, too, and equal the base's")
    if done.dropped:
        say(f"left out   {len(done.dropped)} that nothing reads: {', '.join(done.dropped[:3])}")
    say(f"saved      {out}")


def export_lavis(
    checkpoint: Checkpoint,
    out: Annotated[Path, typer.Option(help="The .pth file.")],
    whole: Annotated[
        bool,
        typer.Option(
            "--whole", help="The frozen image encoder and language model, too: 16 GB for Vicuna-7B."
        ),
    ] = False,
    overwrite: Overwrite = False,
) -> None:
    """Write a checkpoint as LAVIS does.

    It holds Q-Former, queries, projection and ln_vision.
    """
    from emovit_train.lavis.exporting import export_lavis as run

    count = run(checkpoint, out, whole=whole, overwrite=overwrite)
    say(f"saved {count} tensors to {out}")


def merge(
    checkpoint: Checkpoint,
    out: Annotated[Path, typer.Option(help="The new folder.")],
    overwrite: Overwrite = False,
) -> None:
    """Write one complete folder for transformers.

    It holds the base with the tuned tensors, tokenizers included.
    """
    from emovit_train.merging import merge as run

    count = run(checkpoint, out, overwrite=overwrite)
    say(f"saved the base with {count} tuned tensors to {out}")


def setup_lavis(
    folder: Annotated[Path, typer.Option(help="The environment's folder.")] = Path(".venv-lavis"),
    python: Annotated[
        str | None, typer.Option(help="A Python 3.10 or 3.11. Default: this one, or python3.11, python3.10.")
    ] = None,
) -> None:
    """Install LAVIS 1.0.2 into an environment of its own (2.3 GB).

    `train --engine lavis` needs it.
    """
    from emovit_train.lavis.environment import install

    install(folder, python=python)
    say(f"LAVIS is in {folder}")
