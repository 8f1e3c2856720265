"""Replays many queries on one thread, at a bounded rate; what a golden set is asked with."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from functools import partial

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
    answers: dict[str, Answer | AdapterError] = {name: c for name, c in calls.items() if isinstance(c, AdapterError)}
    asked = [(name, call) for name, call in calls.items() if not isinstance(call, AdapterError)]
    if not asked:
        return answers
    all_answered, left = threading.Event(), [len(asked)]

    def settle(name: str, outcome: Response | AdapterError) -> None:
        """On the client's thread alone, so the count needs no lock."""
        try:
            answers[name] = outcome if isinstance(outcome, AdapterError) else read(outcome)
        except AdapterError as error:
            answers[name] = error
        finally:
            left[0] -= 1
            if not left[0]:
                all_answered.set()

    client = BulkClient(connections)
    started = time.monotonic()
    try:
        for i, (name, call) in enumerate(asked):
            if per_s is not None:
                time.sleep(max(0.0, started + i / per_s - time.monotonic()))
            # The client keeps to its slots; waiting here for each free one would cost a change of threads per question.
            client.submit(http, call, deadline_s, partial(settle, name), queued=True)
        all_answered.wait()
    finally:
        client.close()
    return {name: answers[name] for name in calls}
