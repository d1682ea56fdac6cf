"""Who may import whom: each only to the right, siblings never each other."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
# From left to right. What stands in one place is a set of siblings; `emogen` itself is the public face.
PICTURE = [
    {"emogen", "__main__"},
    {"cli"},
    {
        "cli_generate",
        "cli_batch",
        "cli_card",
        "cli_dedup",
        "cli_describe",
        "cli_doctor",
        "cli_records",
        "cli_report",
        "cli_review",
        "cli_export",
        "cli_import",
        "cli_validate",
    },
    {"cli_options", "cli_trial", "cli_data", "cli_engine", "cli_split"},
    {"dedup", "describing", "report", "review", "doctor"},
    {"on_ray"},
    {"pipeline", "rebuilding", "manifest", "recording", "setup_local", "batch", "importers"},
    {"dialogue", "opening"},
    {"run_file"},
    {"settings"},
    {"judging"},
    {"asking", "dataset", "patience"},
    {"sources", "perception", "backends", "checks", "store", "exporters"},
    {"instructions", "reviews"},
    {"prompts", "admission", "journal", "prices", "estimates", "marks", "selection", "stored"},
    {"chat_templates"},
    {"guides", "own_files", "sight", "capacity", "allowance", "journal_entry", "key_filter"},
    {"image_file", "seeds", "hub_model", "machine", "storage"},
    {"resources", "registry", "terminal"},
    {"schemas"},
    {
        "labels",
        "protocol",
        "atomic",
        "event_loop",
        "flat_template",
        "garbage",
        "lock",
        "last_line",
        "row_file",
        "comma_list",
        "counting",
        "run_identity",
        "revision",
        "drawing",
        "completion",
        "config_file",
    },
    {"errors"},
]
FOR_TRAINING = {
    "comma_list",
    "checks",
    "sources",
    "reviews",
    "schemas",
    "labels",
    "protocol",
    "registry",
    "resources",
    "terminal",
    "image_file",
    "hub_model",
    "machine",
    "atomic",
    "lock",
    "revision",
    "completion",
    "config_file",
    "errors",
}
# The public call for models behind an API, and what it takes and gives.
PUBLIC = {
    "complete",
    "open_backend",
    "refuse_blind",
    "image_input",
    "BackendOptions",
    "Limits",
    "RequestError",
}


def place(part: str) -> int:
    places = [number for number, parts in enumerate(PICTURE) if part in parts]
    assert places, f"emogen.{part} has no place in the picture: give it one"
    return places[0]


def imports(package: str) -> Iterator[tuple[str, str]]:
    """Yield `(importing file, imported module)` for both packages, late imports included."""
    for path in sorted((ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from ((str(path.relative_to(ROOT)), alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path} imports relatively"
                # `from emogen import errors` imports a part as `import emogen.errors` does.
                names = [f".{alias.name}" for alias in node.names] if node.module == "emogen" else [""]
                yield from ((str(path.relative_to(ROOT)), f"{node.module}{name}") for name in names)


def part_of(module: str) -> str:
    return module.split(".")[1] if "." in module else "emogen"


def test_imports_go_to_the_right() -> None:
    """Each part of emogen imports only parts that stand further right in the picture, or its own files."""
    seen = 0
    for file, module in imports("emogen"):
        if module.split(".")[0] != "emogen":
            continue
        seen += 1
        importer = "emogen" if file == "emogen/__init__.py" else Path(file).parts[1].removesuffix(".py")
        imported = part_of(module)
        assert importer == imported or place(importer) < place(imported), f"{file} imports {module}"
    assert seen > 50


def test_generating_does_not_know_training() -> None:
    """emogen never imports emovit_train."""
    assert not [pair for pair in imports("emogen") if pair[1].split(".")[0] == "emovit_train"]


def test_training_knows_little_of_generating() -> None:
    """emovit_train imports from emogen only what describes data, finds files, talks to a user, or asks an API model."""
    taken = {part_of(module) for _, module in imports("emovit_train") if module.split(".")[0] == "emogen"}
    assert taken
    assert taken <= FOR_TRAINING | PUBLIC
