"""Reviews samples in headless Chromium as a reviewer would, by keyboard, and prints what was seen as JSON.

It runs in an environment of its own:

python walk.py ADDRESS AXE_SCRIPT PICTURES CHROMIUM
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

WINDOWS = {"desktop": (1280, 900), "phone": (375, 812)}
SCHEMES = ("light", "dark")


class Walk:
    def __init__(self, address: str, axe: Path, pictures: Path) -> None:
        self.address = address
        self.axe = axe.read_text(encoding="utf-8")
        self.pictures = pictures
        self.asked: list[str] = []
        self.seen: dict[str, Any] = {"console": [], "failed": []}

    def opened(self, browser: Browser, name: str) -> Page:
        width, height = WINDOWS[name]
        context = browser.new_context(viewport={"width": width, "height": height})
        page = context.new_page()
        page.on("console", lambda message: self.said(message.text))
        page.on("pageerror", lambda error: self.said(str(error)))
        page.on("dialog", lambda dialog: (self.said(f"dialog {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda request: self.asked.append(request.url))
        began = time.perf_counter()
        page.goto(self.address)
        page.locator("main[aria-busy=false]").wait_for()
        self.seen[f"{name}_seconds"] = time.perf_counter() - began
        return page

    def said(self, text: str) -> None:
        # What a page asks for and does not get, such as an image or a faulty edit, Chromium says by itself.
        where = "failed" if text.startswith("Failed to load resource") else "console"
        self.seen[where].append(text)

    def look(self, page: Page, name: str) -> None:
        """Look whether everything fits and is accessible, and take a picture."""
        page.wait_for_timeout(150)
        self.seen[f"{name}_overflow"] = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        page.evaluate(self.axe)
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            page.screenshot(path=self.pictures / f"{name}-{scheme}.png")
            found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
            self.seen[f"{name}_{scheme}_violations"] = [
                [one["id"], one["impact"], [node["html"][:120] for node in one["nodes"][:3]]]
                for one in found["violations"]
            ]

    def run(self, browser: Browser) -> dict[str, Any]:
        for name in WINDOWS:
            page = self.opened(browser, name)
            self.look(page, name)
            if name == "desktop":
                self.seen["steps"] = self.steps(page)
            page.keyboard.press("e")
            self.look(page, f"{name}-edit")
            page.keyboard.press("Escape")
            page.keyboard.press("r")
            self.look(page, f"{name}-reject")
            page.keyboard.press("Escape")
            page.keyboard.press("?")
            self.look(page, f"{name}-help")
        self.seen["requests"] = [url for url in self.asked if not url.startswith((self.address, "data:"))]
        return self.seen

    def steps(self, page: Page) -> list[tuple[str, str, str, str]]:
        """Decide by keyboard alone, and say after each step which sample is shown, what was said and counted."""
        steps: list[tuple[str, str, str, str]] = []

        def step(name: str, *keys: str) -> None:
            for key in keys:
                page.keyboard.press(key)
                page.locator("main[aria-busy=false]").wait_for()
            words = ("#name", "#status", "#counts")
            steps.append((name, *(page.locator(each).inner_text() for each in words)))

        step("accept", "a")
        step("reject", "r", "2", "Enter")
        step("move", "j", "ArrowLeft", "k", "ArrowRight")
        page.keyboard.press("e")
        page.locator("#edit textarea").last.fill("")
        step("empty edit", "Control+Enter")
        self.seen["faults"] = page.locator("#faults").inner_text()
        self.look(page, "desktop-faults")
        page.locator("#edit textarea").last.fill("The tall tower stands alone in a wide and empty park.")
        step("leave", "Escape")
        step("edit", "e", "Control+Enter")
        self.seen["faults_left"] = page.locator("#faults").inner_text()
        if page.locator("#anyway").is_visible():
            page.locator("#anyway").focus()
            step("edit all the same", "Enter")
        step("undo", "u")
        page.goto(f"{self.address}#2")
        page.reload()
        page.locator("main[aria-busy=false]").wait_for()
        step("reload")
        self.seen["mine"] = page.locator("#mine").inner_text()
        return steps


def main(address: str, axe: Path, pictures: Path, chromium: str) -> dict[str, Any]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        try:
            return Walk(address, axe, pictures).run(browser)
        finally:
            browser.close()


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4])))
