"""Replays many queries on the calling thread, at a bounded rate; what a golden set is asked with."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from mlcontrol.adapters.curl_loop import CurlLoop
from mlcontrol.adapters.curl_slot import Exchange
from mlcontrol.adapters.http import Call, HttpClient, Response
from mlcontrol.ports.errors import AdapterError
from mlcontrol.ports.serving import Answer

CONNECTIONS = 32


def replay(
    http: HttpClient,
    calls: Mapping[str, Call | AdapterError],
    read: Callable[[Response], Answer],
    per_s: float | None,
    deadline_s: float,
    connections: int = CONNECTIONS,
) -> dict[str, Answer | AdapterError]:
    """The answer of every call by its id, or what went wrong. An id that already has an error is not asked.

    ``read`` may raise `AdapterError`. At most ``connections`` are under way; a call's deadline runs from when it is begun.
    """
    answers: dict[str, Answer | AdapterError] = {name: c for name, c in calls.items() if isinstance(c, AdapterError)}
    asked = [(name, call) for name, call in calls.items() if not isinstance(call, AdapterError)]
    started, begun = time.monotonic(), 0

    def settle(name: str, outcome: Response | AdapterError) -> None:
        try:
            answers[name] = outcome if isinstance(outcome, AdapterError) else read(outcome)
        except AdapterError as error:
            answers[name] = error

    loop = CurlLoop(connections)
    try:
        while True:
            wait_s = None
            while begun < len(asked) and loop.room():
                if per_s is not None and (early_s := started + begun / per_s - time.monotonic()) > 0:
                    wait_s = early_s
                    break
                name, call = asked[begun]
                begun += 1
                exchange = Exchange(http, call, deadline_s, name)
                exchange.prepare()
                if (refused := loop.begin(exchange)) is not None:
                    settle(name, refused)
            if len(answers) == len(calls):
                break
            for exchange, outcome in loop.turn(wait_s):
                settle(exchange.about, outcome)
    finally:
        loop.close()
    return {name: answers[name] for name in calls}
