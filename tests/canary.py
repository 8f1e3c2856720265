"""A secret with a known text, its encodings, and a server that hands it back: for tests that search what was left."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote

import pytest

CANARY = "c4nary+/=never~seen&anywhere"


def forms(secret: str) -> dict[str, tuple[bytes, ...]]:
    """The secret in five encodings; base64 at each of its three alignments, less what its neighbours would change."""
    raw = secret.encode()
    shifted = tuple(base64.b64encode(b"." * n + raw).rstrip(b"=")[4:-4] for n in range(3))
    return {
        "plain": (raw, json.dumps(secret)[1:-1].encode()),
        "base64": (*shifted, *(part.replace(b"+", b"-").replace(b"/", b"_") for part in shifted)),
        "hex": (raw.hex().encode(), raw.hex().upper().encode()),
        "percent": (quote(secret, safe="").encode(), quote(secret).encode()),
        "utf-16": (secret.encode("utf-16-le"), secret.encode("utf-16-be")),
    }


def seen_in(data: bytes) -> list[str]:
    return [name for name, kinds in forms(CANARY).items() if any(kind in data for kind in kinds)]


class Echo(BaseHTTPRequestHandler):
    """Refuses everything and says back how it was asked, as servers that debug do."""

    asked: list[str]
    refusing: tuple[int, ...] = (500, 401)  # in turn

    def do_GET(self) -> None:
        said = self.headers.get("Authorization", "")
        type(self).asked.append(said)
        body = json.dumps({"message": f"Bad credentials: {said}; {said.removeprefix('Bearer ')}; {self.path}"}).encode()
        self.send_response(self.refusing[len(type(self).asked) % len(self.refusing)])
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 - named by its base class

    def log_message(self, *_: Any) -> None:
        """The test's output stays clean."""


@pytest.fixture
def echo() -> Iterator[str]:
    Echo.asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()
