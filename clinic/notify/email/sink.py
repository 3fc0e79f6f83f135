"""The demo's mail server on loopback: lays every mail in a folder and sends nothing on."""

from __future__ import annotations

import asyncio
import logging
import re
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller

from clinic.ports import free_port


class _Keep:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = len(list(folder.glob("*.eml")))

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        self._count += 1
        to = re.sub(r"[^a-z0-9.@-]", "_", str(envelope.rcpt_tos[0]).lower())
        path = self._folder / f"{self._count:05d}-{to}.eml"
        await asyncio.to_thread(path.write_bytes, envelope.original_content)
        return "250 kept"


def start(folder: Path, handler: object | None = None) -> Controller:
    """Listen on a free loopback port and write it where the sender looks."""
    # The library logs envelopes; addresses are nobody's business.
    logging.getLogger("mail.log").setLevel(logging.WARNING)
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    controller = Controller(handler or _Keep(folder), hostname="127.0.0.1", port=port)
    controller.start()
    (folder / "port").write_text(str(port), encoding="ascii")
    return controller
