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
    from playwright.sync_api import Browser, Page

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
def opened() -> Iterator[Browser]:
    """Chromium, started and in the end closed. Raises InputError where there is none, or where it does not start."""
    from playwright.sync_api import Error, sync_playwright

    with sync_playwright() as playwright:
        program = _program(Path(playwright.chromium.executable_path))
        try:
            browser = playwright.chromium.launch(executable_path=program, args=[*FLAGS])
        except Error as error:
            raise InputError(f"{program} does not start: {error.message.splitlines()[0]}") from error
        try:
            yield browser
        finally:
            browser.close()


@contextlib.contextmanager
def tab(width: int, height: int) -> Iterator[Page]:
    """An open tab of `width` and `height` CSS pixels, cut off from any network. Raises InputError as `opened` does."""
    with opened() as chromium:
        size = {"width": width, "height": height}
        yield chromium.new_context(viewport=size, color_scheme="light", offline=True).new_page()


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
