"""The processes that `afterglow run` keeps alive: `python -m clinic.parts NAME`.

Apart from the command line so that a part that died is back as fast as possible.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable

from clinic import settings

#: Seconds after its start at which the edge settles. A start wants its processor time for itself.
_SETTLE_AFTER = 5.0


def edge() -> None:
    """The web service for patients and staff."""
    import uvicorn

    from clinic.app import create_app
    from clinic.system import assemble

    chosen = settings.load()
    later = threading.Timer(_SETTLE_AFTER, settle)
    later.daemon = True
    later.start()
    uvicorn.run(
        create_app(assemble(chosen)),
        host=chosen.host,
        port=chosen.port,
        log_level="warning",
        # Request lines hold ids of conversations: the audit chain is the access log here.
        access_log=False,
        timeout_graceful_shutdown=3,
        # Whom a proxy says it speaks for is believed only where a clinic has named the proxy.
        proxy_headers=bool(chosen.trusted_proxies),
        forwarded_allow_ips=list(chosen.trusted_proxies),
        server_header=False,
    )


def settle() -> None:
    """Set aside what the program itself holds: none of it becomes garbage, and a look through all
    of it would hold up some patient's page by a tenth of a second or more."""
    from bot import risk

    risk.ruleset().compile()
    gc.collect()
    gc.freeze()
    # A page makes tens of thousands of things and drops them all: looking through them each seven
    # hundred took a tenth of its time.
    gc.set_threshold(20_000, 20, 20)


def engine() -> None:
    """The alert engine."""
    from clinic.escalation.engine import Engine
    from clinic.system import assemble

    Engine(assemble(settings.load())).run(_until_told())


def auditor() -> None:
    """The one that checks the engine."""
    from clinic.escalation.auditor import Auditor
    from clinic.system import assemble

    Auditor(assemble(settings.load())).run(_until_told())


def mail() -> None:
    """The demo's local mail server."""
    from clinic.notify.email import sink

    stop = _until_told()
    controller = sink.start(settings.load().home / "mail")
    stop.wait()
    controller.stop()


PARTS: dict[str, Callable[[], None]] = {
    "edge": edge,
    "engine": engine,
    "auditor": auditor,
    "mail": mail,
}


def _until_told() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


if __name__ == "__main__":
    # What we write holds people's words: nobody else on the machine may read it.
    os.umask(0o077)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    PARTS[sys.argv[1]]()
