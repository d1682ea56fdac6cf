"""The commit that a run or a checkpoint names."""

from __future__ import annotations

import subprocess
from pathlib import Path

from emogen.revision import git_revision


def test_the_revision_of_a_checkout(tmp_path: Path) -> None:
    """A checkout is named by its commit, with a mark where files differ; what git does not know by nothing."""

    def git(*words: str) -> str:
        identity = ("-c", "user.name=me", "-c", "user.email=me@localhost")
        command = ["git", "-C", str(tmp_path), *identity, *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    assert git_revision(None) is None
    assert git_revision(tmp_path) is None
    git("init", "--quiet")
    (tmp_path / "a").write_text("1")
    git("add", "a")
    git("commit", "--quiet", "--message", "one")
    commit = git("rev-parse", "HEAD")
    assert git_revision(tmp_path) == commit
    (tmp_path / "a").write_text("2")
    assert git_revision(tmp_path) == f"{commit}-dirty"
