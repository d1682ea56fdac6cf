"""Put the demonstration's photographs and their metadata into a folder: photographs.py OUT_DIR.

The photographs are part of the installed packages scikit-image and scikit-learn, from where they are
copied unchanged. Nothing is downloaded. PHOTOGRAPHS.md names their authors and licences.
"""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from emogen.errors import InputError, MissingExtraError
from emogen.terminal import run_app

METADATA = Path(__file__).with_name("metadata.jsonl")

# Our name -> (distribution, import name, path inside the package)
PHOTOGRAPHS = {
    "astronaut.png": ("scikit-image", "skimage", "data/astronaut.png"),
    "cat.png": ("scikit-image", "skimage", "data/chelsea.png"),
    "dahlia.jpg": ("scikit-learn", "sklearn", "datasets/images/flower.jpg"),
    "espresso.png": ("scikit-image", "skimage", "data/coffee.png"),
    "galaxies.jpg": ("scikit-image", "skimage", "data/hubble_deep_field.jpg"),
    "grass.png": ("scikit-image", "skimage", "data/grass.png"),
    "pagoda.jpg": ("scikit-learn", "sklearn", "datasets/images/china.jpg"),
    "photographer.png": ("scikit-image", "skimage", "data/camera.png"),
    "retina.jpg": ("scikit-image", "skimage", "data/retina.jpg"),
    "rocket.jpg": ("scikit-image", "skimage", "data/rocket.jpg"),
}


def packaged_file(distribution: str, package: str, path: str) -> Path:
    """Return a data file of an installed package, which is found without importing it.

    Raises:
        MissingExtraError: the package is not installed.
        InputError: this version of the package does not hold the file.
    """
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtraError(distribution, "demo", "The demonstration")
    file = Path(spec.submodule_search_locations[0]) / path
    if not file.is_file():
        raise InputError(
            f"the installed {distribution} does not hold {path}",
            where=file.parent,
            remedy="Install it with: pip install --force-reinstall 'emovit-toolkit[demo]'",
        )
    return file


def copy_photographs(folder: Path) -> list[Path]:
    """Copy the photographs and `metadata.jsonl` into `folder`, and return the photographs' paths.

    Raises:
        InputError: the folder cannot be written to.
        MissingExtraError: as `packaged_file`.
    """
    sources = {name: packaged_file(*place) for name, place in PHOTOGRAPHS.items()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, source in {**sources, METADATA.name: METADATA}.items():
            shutil.copyfile(source, folder / name)
    except OSError as error:
        raise InputError(
            f"cannot be written: {error.strerror}",
            where=folder,
            remedy="Name a folder that you may write to.",
        ) from error
    return [folder / name for name in sources]


app = typer.Typer(add_completion=False)


@app.command()
def main(
    out_dir: Annotated[Path, typer.Argument(help="Where to put them; made if it is not there.")],
) -> None:
    """Put the demonstration's photographs and their metadata into a folder."""
    photographs = copy_photographs(out_dir)
    typer.echo(f"{len(photographs)} photographs and {METADATA.name} in {out_dir}")


if __name__ == "__main__":
    run_app(app)
