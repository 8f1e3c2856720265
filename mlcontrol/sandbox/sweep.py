"""Ends what a supervisor that is gone has left behind, by its last record."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from mlcontrol.sandbox.process import ProcessId, end_group

KEEPER = "keeper"
KEEPER_LIMIT_S = 15.0


def sweep(record: dict[str, Any]) -> None:
    """Ends the record's processes that still are what they were. The keeper ends by itself when its work is done."""
    ids = {entry["name"]: ProcessId(entry["pid"], entry["started"]) for entry in record.get("processes") or []}
    keeper = ids.pop(KEEPER, None)
    if ids:
        with ThreadPoolExecutor(len(ids)) as pool:
            list(pool.map(end_group, ids.values()))
    deadline = time.monotonic() + KEEPER_LIMIT_S
    while keeper is not None and keeper.alive() and time.monotonic() < deadline:
        time.sleep(0.03)
