"""Chromium without a window: to print pages, and to look at them."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from costlib.errors import InputError

if TYPE_CHECKING:
    from playwright.sync_api import Page

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--allow-file-access-from-files",
)  # fmt: skip
MISSING = (
    "there is no Chromium to print with: install it (Debian, Ubuntu: sudo apt install chromium), or run "
    "`.venv/bin/playwright install chromium`, or set CHROMIUM to the program"
)


@contextlib.contextmanager
def tab(width: int, height: int) -> Iterator[Page]:
    """An open tab of `width` and `height` CSS pixels, cut off from any network. Raises InputError without Chromium."""
    from playwright.sync_api import Error, sync_playwright

    with sync_playwright() as playwright:
        program = _program(Path(playwright.chromium.executable_path))
        try:
            browser = playwright.chromium.launch(executable_path=program, args=[*FLAGS])
        except Error as error:
            raise InputError(f"{program} does not start: {error.message.splitlines()[0]}") from error
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme="light", offline=True)
        try:
            yield context.new_page()
        finally:
            browser.close()


def _program(own: Path) -> str:
    """Where Chromium is: named in the environment, installed by the system, or by playwright."""
    if named := os.environ.get("CHROMIUM"):
        if not shutil.which(named):
            raise InputError(f"CHROMIUM is {named}, which is no program")
        return named
    found = next(filter(None, map(shutil.which, NAMES)), None) or (str(own) if own.exists() else None)
    if not found:
        raise InputError(MISSING)
    return found
