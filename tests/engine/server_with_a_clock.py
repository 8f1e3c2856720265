"""A process of its own that answers as Alertmanager does, by its own clock: started under faketime, it is a machine whose clock is
wrong. (Alertmanager itself reads the clock past every library, so that nobody can fake it.)

Run as ``python server_with_a_clock.py PORT``; its one alert fires since it started.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer

STARTED = datetime.now(UTC).isoformat()
ANSWERS = {
    "/api/v2/status": {"versionInfo": {"version": "0.25.0"}},
    "/api/v2/silences": [],
    "/api/v2/alerts": [
        {
            "fingerprint": "f1",
            "labels": {"alertname": "HighErrors", "severity": "critical"},
            "annotations": {"summary": "errors 6 %"},
            "startsAt": STARTED,
            "status": {"state": "active", "silencedBy": [], "inhibitedBy": []},
        }
    ],
}


class Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps(ANSWERS[self.path]).encode()
        self.send_response(200)  # with its Date
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        return


if __name__ == "__main__":
    HTTPServer(("127.0.0.1", int(sys.argv[1])), Answers).serve_forever()
