"""YAML 1.2 as plain values, and the lines in which its keys stand.

YAML 1.2 takes `no` and `on` for words and `1e3` for a number; tags that would construct anything else are refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode
from ruamel.yaml.reader import ReaderError

from emogen.errors import InputError, shorten

__all__ = ["line_in_yaml", "read_yaml"]


def _yaml() -> YAML:
    return YAML(typ="safe", pure=True)


def read_yaml(text: str, where: str) -> Any:
    """Read a YAML document; JSON is YAML, too.

    Raises:
        InputError: it is none, holds a key twice, or a tag; names the line and the column.
    """
    try:
        return _yaml().load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{where}:{mark.line + 1}:{mark.column + 1}" if mark else where
        raise _broken(_problem(error), place) from None
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise _broken(f"character U+{error.character:04X} stands for nothing", f"{where}:{line}") from None
    except RecursionError:
        raise _broken("too many brackets in one another", where) from None
    except (YAMLError, ValueError) as error:
        raise _broken(shorten(error), where) from None


def _problem(error: MarkedYAMLError) -> str:
    problem = str(error.problem or error.context)
    # What follows is the value, which may be a secret.
    return problem.partition(" with value ")[0] if isinstance(error, DuplicateKeyError) else problem


def _broken(what: str, where: str) -> InputError:
    return InputError(f"not YAML: {what}", where=where, remedy="Mend this line.")


def line_in_yaml(text: str, key: Sequence[str]) -> int | None:
    """Return the line of a key, or of the nearest group around it that is there; None where none is."""
    node, line = _yaml().compose(text), None
    for name in key:
        found = _child(node, name)
        if found is None:
            break
        at, node = found
        line = at.start_mark.line + 1
    return line


def _child(node: Node | None, name: str) -> tuple[Node, Node] | None:
    """Return the node at which `name` stands in a mapping or a list, and the node of its value."""
    if isinstance(node, MappingNode):
        return next((pair for pair in node.value if str(pair[0].value) == name), None)
    if isinstance(node, SequenceNode) and name.isdecimal() and int(name) < len(node.value):
        return node.value[int(name)], node.value[int(name)]
    return None
