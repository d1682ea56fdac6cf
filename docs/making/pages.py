"""What mkdocs does beside its own: the README and its neighbours become pages, and nothing is fetched."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any, Final

from mkdocs.structure.files import File, Files
from mkdocs.utils import get_relative_url

ROOT: Final = Path(__file__).parents[2]
# File of the checkout → page of the site; everything else that a page links to is code, and no part of the site.
PAGES: Final = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    **{
        path.relative_to(ROOT).as_posix(): path.relative_to(ROOT).as_posix()
        for path in sorted((ROOT / "benchmarks").rglob("*.md"))
    },
}
_HOMES: Final = {page: file for file, page in PAGES.items()}
_LINK: Final = re.compile(r"(?<!!)\[(?P<text>[^\[\]]*)\]\((?P<place>(?!https?:|#|mailto:)[^()\s]+)\)")
# The offline search of mkdocs-material would fetch this from a server.
_SHIM: Final = "https://unpkg.com/iframe-worker/shim"
_OUR_SHIM: Final = "javascripts/iframe-worker.js"


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that lie outside of docs/."""
    for file, page in PAGES.items():
        files.append(File.generated(config, page, content=(ROOT / file).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Turn the links of a page, which are right in the checkout, into links of the site, or into their words."""
    here = page.file.src_uri
    home = posixpath.dirname(_HOMES.get(here, f"docs/{here}"))

    def turned(found: re.Match[str]) -> str:
        place, _, anchor = found["place"].partition("#")
        file = posixpath.normpath(posixpath.join(home, place))
        target = PAGES.get(file) or file.removeprefix("docs/")
        if files.get_file_from_path(target) is None:
            return found["text"]
        link = posixpath.relpath(target, posixpath.dirname(here) or ".")
        return f"[{found['text']}]({link}{'#' + anchor if anchor else ''})"

    linked = _LINK.sub(turned, markdown)
    return linked if home else linked.replace('src="docs/', 'src="')


def on_post_page(output: str, page: Any, config: Any) -> str:
    """Let a page take the shim from the site."""
    return output.replace(_SHIM, get_relative_url(_OUR_SHIM, page.url))


def on_post_template(output: str, template_name: str, config: Any) -> str:
    """Let the page of what is not found do the same."""
    return output.replace(_SHIM, f"/{_OUR_SHIM}")
