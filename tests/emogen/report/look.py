"""Opens a page in headless Chromium as a reader would, and prints what was seen as JSON.

It runs in an environment of its own:

python look.py PAGE AXE_SCRIPT PICTURES CHROMIUM
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

WINDOWS = {"desktop": (1280, 900), "phone": (375, 812)}
SCHEMES = ("light", "dark")


def main(file: Path, axe: Path, pictures: Path, chromium: str) -> dict[str, Any]:
    said: list[str] = []
    asked: list[str] = []
    seen: dict[str, Any] = {"console": said, "requests": asked}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for name, (width, height) in WINDOWS.items():
            context = browser.new_context(viewport={"width": width, "height": height})
            page = context.new_page()
            page.on("console", lambda message: said.append(message.text))
            page.on("pageerror", lambda error: said.append(str(error)))
            page.on("dialog", lambda dialog: (said.append(f"dialog {dialog.message}"), dialog.dismiss()))
            page.on("request", lambda request: asked.append(request.url[:80]))
            began = time.perf_counter()
            page.goto(file.resolve().as_uri())
            seen[f"{name}_seconds"] = time.perf_counter() - began
            seen[f"{name}_overflow"] = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            if name == "desktop":
                seen.update(filtered(page))
            page.evaluate(axe.read_text(encoding="utf-8"))
            for scheme in SCHEMES:
                page.emulate_media(color_scheme=scheme)
                page.screenshot(path=pictures / f"{name}-{scheme}.png", full_page=True)
                page.locator("#gallery").scroll_into_view_if_needed()
                page.screenshot(path=pictures / f"{name}-{scheme}-gallery.png")
                seen[f"{name}_{scheme}_violations"] = violations(page)
        browser.close()
    seen["requests"] = [url for url in asked if not url.startswith(("file:", "data:"))]
    return seen


def violations(page: Page) -> list[Any]:
    """Let axe look at all of the page, at what is folded and below the window, too."""
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
    page.evaluate(
        "document.querySelectorAll('.card').forEach(c => { c.style.contentVisibility = 'visible'; })"
    )
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = false; })")
    return [
        [one["id"], one["impact"], [node["html"][:120] for node in one["nodes"][:3]]]
        for one in found["violations"]
    ]


def filtered(page: Page) -> dict[str, Any]:
    """Use the filters with the keyboard alone, and say what is shown then."""
    shown = {"all": status(page)}
    for name in ("emotion", "type", "reason", "state"):
        select = page.locator(f"select[data-filter={name}]")
        select.focus()
        page.keyboard.press("ArrowDown")
        rows = page.locator(".card:not([hidden]) .row:not([hidden])")
        shown[name] = {
            "value": select.input_value(),
            "status": status(page),
            "emotions": page.locator(".card:not([hidden])").evaluate_all(
                "all => all.map(x => x.dataset.emotion)"
            ),
            "rows": rows.evaluate_all("all => all.map(x => ({...x.dataset}))"),
        }
        select.select_option("")
    shown["again"] = status(page)
    return {"filters": shown}


def status(page: Page) -> str:
    return page.locator("#found").inner_text()


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4])))
