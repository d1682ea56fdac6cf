"""emogen: emotion visual instruction data from captions, attributes and any language model.

async for sample in emogen.generate(records, "embedded"):
    ...
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emogen.admission import Limits
    from emogen.asking import complete
    from emogen.backends import BackendOptions, RequestError, open_backend, refuse_blind
    from emogen.pipeline import generate
    from emogen.sight import Sight, image_input
    from emogen.sources import read_records

__all__ = [
    "BackendOptions",
    "Limits",
    "RequestError",
    "Sight",
    "complete",
    "generate",
    "image_input",
    "open_backend",
    "read_records",
    "refuse_blind",
]

_HOMES = {
    "BackendOptions": "emogen.backends",
    "Limits": "emogen.admission",
    "RequestError": "emogen.backends",
    "Sight": "emogen.sight",
    "complete": "emogen.asking",
    "generate": "emogen.pipeline",
    "image_input": "emogen.sight",
    "open_backend": "emogen.backends",
    "read_records": "emogen.sources",
    "refuse_blind": "emogen.backends",
}


def __getattr__(name: str) -> Any:
    """Import the public calls when they are used, so that `import emogen.schemas` stays light."""
    if name not in _HOMES:
        raise AttributeError(f"module 'emogen' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
