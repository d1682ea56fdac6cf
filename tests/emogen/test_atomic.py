"""What is written is there whole or not at all, and what was there before stays until then."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from emogen.atomic import (
    replacing,
    replacing_folder,
    replacing_path,
    writable_folder,
    write_bytes,
    write_text,
)
from emogen.errors import InputError

Way = Callable[[Path], AbstractContextManager[object]]
every_way = pytest.mark.parametrize("way", [replacing, replacing_path, replacing_folder])


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def fill(way: Way, path: Path) -> None:
    """Write something in whichever way."""
    with way(path) as part:
        if isinstance(part, Path):
            (part / "new" if part.is_dir() else part).write_text("new")


def test_a_file_takes_its_place_at_the_end(tmp_path: Path) -> None:
    """The earlier file stays until the new one is whole, and no draft of it is left."""
    path = tmp_path / "out"
    path.write_bytes(b"earlier")
    with replacing(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"earlier"
    assert path.read_bytes() == b"new"
    assert names(tmp_path) == ["out"]


def test_a_path_takes_its_place_at_the_end(tmp_path: Path) -> None:
    """What opens its file itself gets a name beside the place."""
    path = tmp_path / "out"
    with replacing_path(path) as part:
        part.write_text("new")
        assert not path.exists()
        assert part.parent == tmp_path
    assert path.read_text() == "new"


def test_whole_contents_are_written(tmp_path: Path) -> None:
    """Bytes and text are written in one call, text as UTF-8."""
    write_bytes(tmp_path / "bytes", b"\0")
    write_text(tmp_path / "text", "ü\n")
    assert (tmp_path / "bytes").read_bytes() == b"\0"
    assert (tmp_path / "text").read_bytes() == "ü\n".encode()


def test_a_folder_takes_its_place_at_the_end(tmp_path: Path) -> None:
    """The earlier folder stays until the new one is whole, then nothing of it is left."""
    path = tmp_path / "out"
    path.mkdir()
    (path / "earlier").touch()
    with replacing_folder(path) as part:
        (part / "sub").mkdir()
        (part / "sub" / "new").write_text("new")
        assert names(path) == ["earlier"]
    assert names(path) == ["sub"]
    assert names(tmp_path) == ["out"]


@every_way
def test_a_bug_leaves_all_as_it_was(way: Way, tmp_path: Path) -> None:
    """An exception that is not ours passes through; the earlier state stays and no draft is left."""
    path = tmp_path / "out"
    if way is replacing_folder:
        path.mkdir()
        (path / "precious").touch()
    else:
        path.write_text("precious")

    def fail() -> None:
        with way(path) as part:
            if isinstance(part, Path):
                (part / "half" if part.is_dir() else part).write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert names(tmp_path) == ["out"]
    assert names(path) == ["precious"] if path.is_dir() else path.read_text() == "precious"


@every_way
def test_a_full_disk_leaves_all_as_it_was(way: Way, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that takes no more is our error, and nothing half-written stays."""

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match=r"out: cannot be written: No space left .*with room"):
        fill(way, tmp_path / "out")
    assert names(tmp_path) == []


def test_a_folder_that_cannot_be_moved_leaves_the_earlier_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the new folder cannot take the name, the earlier one gets it back."""
    path = tmp_path / "out"
    path.mkdir()
    (path / "precious").touch()
    rename = Path.rename

    def once_refused(self: Path, target: Path) -> Path:
        if self.suffix == ".part" and (self / "new").exists():
            raise OSError(13, "Permission denied")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", once_refused)
    with pytest.raises(InputError, match="Permission denied"), replacing_folder(path) as part:
        (part / "new").touch()
    assert names(path) == ["precious"]
    assert names(tmp_path) == ["out"]


@every_way
@pytest.mark.parametrize("name", ["file/out", "missing/out", "x" * 300])
def test_an_unusable_place_is_refused(way: Way, name: str, tmp_path: Path) -> None:
    """A path through a file, a missing folder and an impossible name are each our error, with a remedy."""
    (tmp_path / "file").touch()
    with pytest.raises(InputError) as caught:
        fill(way, tmp_path / name)
    assert caught.value.remedy
    assert names(tmp_path) == ["file"]


def test_kinds_are_not_confused(tmp_path: Path) -> None:
    """A folder is not replaced by a file, nor a file by a folder, nor a device by anything."""
    (tmp_path / "file").touch()
    for refused, message in (
        (replacing(tmp_path), "this is a folder"),
        (replacing(Path("/dev/null")), "not an ordinary file"),
        (replacing_folder(tmp_path / "file"), "not a folder"),
    ):
        with pytest.raises(InputError, match=message), refused:
            pytest.fail("the block must not run")


def test_links_stay_links(tmp_path: Path) -> None:
    """Writing to a symbolic link replaces what it points to."""
    (tmp_path / "file").write_text("old")
    (tmp_path / "folder").mkdir()
    for name in ("file", "folder"):
        (tmp_path / f"to-{name}").symlink_to(name)
    write_text(tmp_path / "to-file", "new")
    with replacing_folder(tmp_path / "to-folder") as part:
        (part / "new").touch()
    assert (tmp_path / "to-file").is_symlink()
    assert (tmp_path / "to-folder").is_symlink()
    assert (tmp_path / "file").read_text() == "new"
    assert names(tmp_path / "folder") == ["new"]


def test_the_users_mask_decides_who_may_read(tmp_path: Path) -> None:
    """What is written can be read by whom an ordinary file or folder can be read."""
    (tmp_path / "plain").touch()
    (tmp_path / "plain-folder").mkdir()
    write_text(tmp_path / "file", "")
    with replacing_folder(tmp_path / "folder"):
        pass
    assert (tmp_path / "file").stat().st_mode == (tmp_path / "plain").stat().st_mode
    assert (tmp_path / "folder").stat().st_mode == (tmp_path / "plain-folder").stat().st_mode


def test_a_writable_folder_is_made(tmp_path: Path) -> None:
    """Missing folders are made, those around them too; a file in the way is refused with its name."""
    writable_folder(tmp_path / "a" / "b")
    writable_folder(tmp_path / "a" / "b")
    assert names(tmp_path / "a" / "b") == []
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"file/sub: cannot be written"):
        writable_folder(tmp_path / "file" / "sub")


def test_a_killed_process_leaves_the_earlier_file(tmp_path: Path) -> None:
    """A process that is killed while it writes has changed nothing but a hidden draft."""
    path = tmp_path / "out"
    path.write_text("precious")
    code = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom emogen.atomic import replacing\n"
        "with replacing(Path(sys.argv[1])) as file:\n"
        "    file.write(b'half'); file.flush(); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert subprocess.run([sys.executable, "-c", code, str(path)], check=False).returncode == -9
    assert path.read_text() == "precious"
    assert all(name.startswith(".emogen-") for name in names(tmp_path) if name != "out")
