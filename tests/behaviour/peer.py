"""An assistant on a real loopback socket that does what a test says: answers, hangs, dies, lies."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from bot.content import registry

Reply = dict[str, Any]


def says(turn: dict[str, Any], *contents: str, records: tuple[Reply, ...] = ()) -> Reply:
    """A proper reply that names items of the registry."""
    return {
        "version": 1,
        "id": turn["id"],
        "messages": [
            {
                "content": content,
                "version": registry().item(content).version,
                "variant": 0,
                "values": {},
            }
            for content in contents
        ],
        "records": list(records),
    }


class Peer:
    """``act`` turns a turn into a reply; tests replace it. ``turns`` is what came in, ``expected``
    the words that were announced; ``heeds`` is the status an announcement gets. ``forgotten`` are
    the conversations to forget, ``forgets`` the status that gets."""

    def __init__(self, port: int = 0) -> None:
        self.turns: list[dict[str, Any]] = []
        self.expected: list[str] = []
        self.heeds = 202
        self.forgotten: list[str] = []
        self.forgets = 200
        self.act: Callable[[dict[str, Any]], Reply | bytes | int | None] = lambda turn: says(
            turn, "conversation.out_of_scope"
        )
        self.release = threading.Event()
        peer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._send(200, b"{}")

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                turn = json.loads(body)
                if self.path.endswith("/forget"):
                    peer.forgotten.append(turn["conversation"])
                    self._send(peer.forgets, b"{}")
                    return
                if self.path.endswith("/expect"):
                    peer.expected.append(turn["text"])
                    self._send(peer.heeds, b"")
                    return
                peer.turns.append(turn)
                answer = peer.act(turn)
                if answer is None:
                    self.connection.close()
                elif isinstance(answer, int):
                    self._send(answer, b"{}")
                else:
                    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                    self._send(200, body)

            def _send(self, status: int, body: bytes) -> None:
                try:
                    self.send_response(status)
                    self.send_header("Content-Type", "application/json")
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                except OSError:
                    return

            def log_message(self, *_: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def hang(self, _turn: dict[str, Any]) -> None:
        """Answer nothing until the test is over."""
        self.release.wait(60)

    def close(self) -> None:
        self.release.set()
        self._server.shutdown()
        self._server.server_close()


if __name__ == "__main__":
    Peer(int(sys.argv[1]))
    threading.Event().wait()
