"""How a row may name its picture."""

from __future__ import annotations

import pytest

from emogen.exporters.images import check_image, image_path


@pytest.mark.parametrize("path", ["a.jpg", "a/b c/ü.jpg", "./a.jpg", "a..b/c.jpg", "...jpg", "2345.1.jpg"])
def test_a_relative_path_is_taken(path: str) -> None:
    """Any file inside the image folder may be named."""
    assert list(check_image(path)) == []


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("", "name a file"),
        (" ", "name a file"),
        (".", "name a file"),
        ("a/", "name a file"),
        ("a\0.jpg", "name a file"),
        ("/a.jpg", "be relative"),
        ("C:/a.jpg", "be relative"),
        ("C:a.jpg", "be relative"),
        ("//server/share/a.jpg", "be relative"),
        ("https://example.org/a.jpg", "be relative"),
        ("../a.jpg", "stay inside"),
        ("a/../../b.jpg", "stay inside"),
        ("a/..", "stay inside"),
        ("a\\b.jpg", "have forward slashes"),
    ],
)
def test_a_path_that_leads_elsewhere_is_reported(path: str, rule: str) -> None:
    """Folders, absolute paths, addresses, escapes and Windows' separators are each refused by name."""
    (problem,) = check_image(path)
    assert problem.rule.startswith(f"must {rule}")


@pytest.mark.parametrize(
    ("written", "exported"),
    [("photos\\a.jpg", "photos/a.jpg"), ("photos/a.jpg", "photos/a.jpg"), ("./a.jpg", "./a.jpg")],
)
def test_the_record_s_path_is_kept_with_forward_slashes(written: str, exported: str) -> None:
    """A path that was written on Windows is found everywhere; any other is kept to the letter."""
    assert image_path(written) == exported
