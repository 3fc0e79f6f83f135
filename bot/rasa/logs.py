"""Logs without a patient's words, at every level.

Rasa logs messages, slots and whole trackers at DEBUG, and exceptions with their text. Only our own
loggers (``afterglow.*``) speak here. Of everybody else's record we keep where it came from and, for
an exception, its type: enough to find the place, nothing to read.
"""

from __future__ import annotations

import logging
import os
import sys

OWN = "afterglow"
#: What libraries report in passing says nothing once its words are gone.
CHATTY = {
    **dict.fromkeys(("rasa", "rasa_sdk", "sanic", "asyncio", "tensorflow"), logging.WARNING),
    **dict.fromkeys(("sqlalchemy", "matplotlib"), logging.WARNING),
    "py.warnings": logging.ERROR,
}


class WithoutWords(logging.Formatter):
    """Our own records as written; of others the place only. No exception text, ever."""

    def format(self, record: logging.LogRecord) -> str:
        when = self.formatTime(record)
        own = record.name == OWN or record.name.startswith(f"{OWN}.")
        words = record.getMessage() if own else f"at {record.module}:{record.lineno}"
        failure = record.exc_info[0] if record.exc_info else None
        ending = f" ({failure.__name__})" if failure else ""
        return f"{when} {record.levelname} {record.name}: {words}{ending}"


def configure(level: int = logging.INFO) -> None:
    """Send every record of this process, Rasa's structlog included, through ``WithoutWords``."""
    import structlog

    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(WithoutWords())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in list(logging.root.manager.loggerDict):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    debugging = level <= logging.DEBUG
    for name, least in CHATTY.items():
        logging.getLogger(name).setLevel(logging.NOTSET if debugging else least)
    logging.captureWarnings(True)
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, _place_only],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def quiet() -> None:
    """For commands whose output is their answer: errors only, and no telemetry or progress."""
    os.environ.setdefault("RASA_TELEMETRY_ENABLED", "false")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("SQLALCHEMY_SILENCE_UBER_WARNING", "1")
    configure(logging.ERROR)


def _place_only(_logger: object, _method: str, event: dict[str, object]) -> str:
    return str(event.get("event", ""))
