"""Pictures of the pages, for the eye of a person: no test looks into one."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Error, Page

PICTURES = Path(__file__).resolve().parents[2] / "artefacts"
_TRIES = 3


def keep_picture(page: Page, name: str) -> None:
    """In dark and in light, as much as the window shows."""
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
        take_picture(page, PICTURES / f"{name}-{scheme}.png")


def take_picture(page: Page, path: Path, *, whole: bool = False) -> None:
    """One picture, of the window or of the whole page. Chromium refuses a picture now and then and
    gives the same one when asked again."""
    for left in reversed(range(_TRIES)):
        try:
            page.screenshot(path=path, full_page=whole)
            return
        except Error as refused:
            if not left or "Unable to capture screenshot" not in refused.message:
                raise
