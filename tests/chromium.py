"""The browser that tests and benches drive."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

#: As bin/setup looks for it.
_NAMES = ("chromium", "chromium-browser", "google-chrome")


@contextmanager
def chromium() -> Iterator[Browser]:
    """One real Chromium, closed afterwards."""
    found = os.environ.get("AFTERGLOW_CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)))
    with sync_playwright() as play:
        shown = play.chromium.launch(
            executable_path=found,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield shown
        shown.close()
