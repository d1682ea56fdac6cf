"""What torch.compile needs of the machine, looked for before anything is read."""

from __future__ import annotations

from emogen.errors import InputError

__all__ = ["require_compiler"]


def require_compiler() -> None:
    """Find the C++ compiler with which torch compiles for the CPU.

    Raises:
        InputError: there is none. Else torch would say so, by a traceback, in the first step only.
    """
    from torch._inductor.cpp_builder import get_cpp_compiler
    from torch._inductor.exc import InvalidCxxCompiler

    try:
        get_cpp_compiler()
    except InvalidCxxCompiler:
        raise InputError(
            "no working C++ compiler was found",
            where="--compile",
            remedy="Install g++, or name a compiler in the environment variable CXX, or leave out --compile.",
        ) from None
