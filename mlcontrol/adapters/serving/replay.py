"""Replays many queries on one thread, at a bounded rate; what a golden set is asked with."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

from mlcontrol.adapters.bulk import BulkClient
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

    ``read`` runs on the calling thread's helper and may raise `AdapterError`. At most ``connections`` are under way.
    """
    answers: dict[str, Answer | AdapterError] = {}
    room = threading.BoundedSemaphore(connections)

    def settle(name: str, outcome: Response | AdapterError) -> None:
        try:
            answers[name] = outcome if isinstance(outcome, AdapterError) else read(outcome)
        except AdapterError as error:
            answers[name] = error
        finally:
            room.release()

    client = BulkClient(connections)
    started = time.monotonic()
    try:
        asked = 0
        for name, call in calls.items():
            if isinstance(call, AdapterError):
                answers[name] = call
                continue
            if per_s is not None:
                time.sleep(max(0.0, started + asked / per_s - time.monotonic()))
            room.acquire()
            client.submit(http, call, deadline_s, lambda outcome, name=name: settle(name, outcome))  # type: ignore[misc]
            asked += 1
        for _ in range(connections):
            room.acquire()  # every one that is under way has been answered
    finally:
        client.close()
    return answers
