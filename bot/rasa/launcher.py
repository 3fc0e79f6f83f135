"""Start the assistant: ``python -m bot.rasa.launcher --model models/abc.tar.gz --port 5005``.

Rasa starts without a model, without a database, with a foreign model, and stays up. This refuses
each of them at once, with one plain line on stderr and exit code 1.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import socket
import sys
from pathlib import Path
from typing import Any

from bot.rasa import logs, train

logger = logging.getLogger("afterglow.launcher")


class CannotStart(RuntimeError):
    """Something is missing or wrong. The text is one line for the person who started it."""


def main(arguments: list[str] | None = None) -> int:
    asked = _arguments(arguments)
    try:
        path = checked_model(asked.model)
        _checked_port(asked.host, asked.port)
        serve(path, asked.host, asked.port, logging.getLevelName(asked.log_level.upper()))
    except CannotStart as problem:
        print(f"The assistant cannot start: {problem}", file=sys.stderr)
        return 1
    return 0


def checked_model(path: Path | None) -> Path:
    """The model to run: the one the manifest names, byte for byte. Raises CannotStart."""
    directory = path.parent if path else train.MODELS
    trained = train.manifest(directory)
    if trained is None:
        raise CannotStart(f"no model has been trained in {directory}; run `make train`")
    path = path or trained.path(directory)
    if not path.is_file():
        raise CannotStart(f"there is no model at {path}; run `make train`")
    if train.digest(path) != trained.sha256:
        raise CannotStart(f"{path} is not the model that was trained here (its SHA-256 differs)")
    return path


def _checked_port(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CannotStart(f"{host}:{port} cannot be used: {error.strerror}") from None


def load(path: Path, store: Any = None) -> Any:
    """The agent, ready to take turns. Raises CannotStart."""
    from rasa.core.agent import Agent

    from bot.content import registry
    from bot.rasa.inprocess import InProcessActions
    from bot.rasa.lock_store import InProcessLocks
    from bot.rasa.tracker_store import EncryptedTrackerStore, KeyMissing

    try:
        store = store or EncryptedTrackerStore()
    except KeyMissing as problem:
        raise CannotStart(str(problem)) from None
    except Exception as error:
        raise CannotStart(f"the tracker store failed ({type(error).__name__})") from None
    try:
        agent = Agent.load(
            str(path),
            tracker_store=store,
            lock_store=InProcessLocks(),
            action_endpoint=InProcessActions("actions"),
            fingerprint=train.digest(path),
        )
    except Exception as error:
        raise CannotStart(f"the model cannot be loaded ({type(error).__name__})") from None
    # Rasa's store of last resort loses messages silently; an error must reach the edge.
    agent.tracker_store._on_tracker_store_error = _reraise
    _lay_out_weights(agent)
    # The rules, the words' vectors and the content are read at first use: not at a patient's cost.
    asyncio.run(agent.parse_message("hello"))
    registry()
    return agent


def _lay_out_weights(agent: Any) -> None:
    """scikit-learn multiplies by the transpose of the intents' weights at every message, and SciPy
    copies what does not lie in memory in that order: three megabytes, a third of the time."""
    import numpy as np

    for node in agent.processor.graph_runner._instantiated_nodes.values():
        classifier = getattr(getattr(node, "_component", None), "clf", None)
        if classifier is not None:
            classifier.coef_ = np.asfortranarray(classifier.coef_)


def application(agent: Any, name: str = "afterglow_assistant") -> Any:
    """The web application: the turn and ``GET /ready``. Nothing else of Rasa's is reachable."""
    from rasa.core.channels.channel import register
    from sanic import Sanic, response

    from bot.rasa.channel import AfterglowChannel, Problem, SecretMissing

    try:
        channel = AfterglowChannel.from_credentials(None)
    except SecretMissing as problem:
        raise CannotStart(str(problem)) from None
    app = Sanic(name, configure_logging=False)
    app.config.FALLBACK_ERROR_FORMAT = "json"
    app.config.REQUEST_MAX_SIZE = 1_000_000
    app.ctx.agent = agent
    register([channel], app, route="/webhooks/")

    @app.get("/ready")
    async def ready(request: Any) -> Any:
        agent = request.app.ctx.agent
        if agent is None or not agent.is_ready():
            return Problem(503, "Not ready", "No model is loaded.").response()
        try:
            # Inside Rasa's wrapper: the wrapper would hide the error.
            agent.tracker_store._tracker_store.check()
        except Exception as error:
            detail = f"The tracker store cannot be read ({type(error).__name__})."
            return Problem(503, "Not ready", detail).response()
        return response.json({"ready": True, "model": agent.fingerprint})

    return app


def serve(path: Path, host: str, port: int, level: int) -> None:
    """Load and serve until stopped. Raises CannotStart before the port is opened."""
    os.environ["RASA_TELEMETRY_ENABLED"] = "false"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logs.configure(level)
    # Refused before ten seconds of imports, not after.
    from bot.rasa.tracker_store import KeyMissing, key_from_environment

    try:
        key_from_environment()
    except KeyMissing as problem:
        raise CannotStart(str(problem)) from None
    app = application(None)
    app.ctx.agent = load(path)
    # Rasa's modules set up loggers while they are imported.
    logs.configure(level)
    logger.info("The assistant serves %s on %s:%s", path.name, host, port)
    app.run(host=host, port=port, workers=1, access_log=False, motd=False)


def _reraise(error: Exception) -> None:
    raise error


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bot.rasa.launcher")
    parser.add_argument("--model", type=Path, help="default: the one models/manifest.json names")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=5005)
    levels = ("debug", "info", "warning", "error")
    parser.add_argument("--log-level", default="info", choices=levels)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
