"""The sandbox's users: requests drawn from held-out rows, the prediction log, and labels that arrive late.

Run as a process by the supervisor. It reads ``traffic.json`` (rate, drift) twice a second.
"""

from __future__ import annotations

import argparse
import heapq
import http.client
import json
import random
import signal
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from mlcontrol.sandbox import jsonfile
from mlcontrol.sandbox.wire import exchange

RETENTION = timedelta(hours=24)
LABEL_DELAY_S = (30.0, 90.0)
UNLABELLED_SHARE = 0.03
FEEDBACK_SHARE = 0.25
ACCEPTED_RIGHT, ACCEPTED_WRONG = 0.93, 0.35
"""How many users say something of an answer, and how readily they accept a right and a wrong one."""
CLOSE_SHARE = 0.25
DEADLINE_S = 5.0
WORKERS = 8


class HourlyLog:
    """JSON Lines, one file an hour, files past the retention removed. *Thread:* any."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._guard = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)

    def append(self, time_of: datetime, entry: dict[str, Any]) -> None:
        path = self._folder / f"{time_of:%Y%m%dT%H}.jsonl"
        with self._guard:
            if not path.exists():
                self._drop_old(time_of)
            with path.open("a") as file:
                file.write(json.dumps(entry, separators=(",", ":")) + "\n")

    def _drop_old(self, now: datetime) -> None:
        oldest = f"{now - RETENTION:%Y%m%dT%H}"
        for path in self._folder.glob("*.jsonl"):
            if path.stem < oldest:
                path.unlink()


class LateLabels:
    """Truths on their way: kept in a heap by due time, over a restart in a file. *Thread:* any."""

    def __init__(self, log: HourlyLog, pending: Path) -> None:
        self._log, self._file, self._guard = log, pending, threading.Lock()
        self._due: list[tuple[float, str, Any]] = [tuple(entry) for entry in jsonfile.read(pending) or []]
        heapq.heapify(self._due)

    def expect(self, request_id: str, label: Any) -> None:
        if random.random() >= UNLABELLED_SHARE:  # noqa: S311
            with self._guard:
                heapq.heappush(self._due, (time.time() + random.uniform(*LABEL_DELAY_S), request_id, label))  # noqa: S311

    def deliver(self) -> None:
        """Writes every label that is due."""
        now = datetime.now(UTC)
        while self._due and self._due[0][0] <= now.timestamp():
            with self._guard:
                _, request_id, label = heapq.heappop(self._due)
            self._log.append(now, {"request_id": request_id, "time": stamp(now), "label": label})

    def keep(self) -> None:
        with self._guard:
            jsonfile.write(self._file, sorted(self._due))


class Caller:
    """Sends one service's requests over keep-alive connections, one per worker thread."""

    def __init__(self, fleet: Path, service: str, port: int) -> None:
        self.service, self._port = service, port
        self._rows = [json.loads(line) for line in (fleet / "heldout" / f"{service}.jsonl").read_text().splitlines()]
        about = json.loads((fleet / "heldout" / f"{service}.about.json").read_text())
        self._slices, self._drift = about["slices"], about["drift"]
        self._log = HourlyLog(fleet / "predictions" / service)
        self.labels = LateLabels(HourlyLog(fleet / "labels" / service), fleet / "labels" / f"{service}.pending.json")
        self._feedback = HourlyLog(fleet / "feedback" / service)
        metadata = json.loads(exchange(port, "GET", f"/v2/models/{service}", timeout_s=60.0)[1])
        self._tensors = {tensor["name"]: (tensor["datatype"], tensor["shape"][1]) for tensor in metadata["inputs"]}
        self._own = threading.local()

    def call(self, drift: dict[str, str] | None) -> None:
        row = random.choice(self._rows)  # noqa: S311
        slices = {name: random.choice(values) for name, values in self._slices.items()}  # noqa: S311
        inputs = row["inputs"]
        if drift and all(slices.get(name) == value for name, value in drift.items()):
            inputs = {name: drifted(value, self._drift.get(name)) for name, value in inputs.items()}
        request_id, now, begun = str(uuid.uuid4()), datetime.now(UTC), time.perf_counter()
        status, version, outputs, error = self._ask(request_id, inputs)
        self._log.append(
            now,
            {
                "request_id": request_id,
                "time": stamp(now),
                "service": self.service,
                "model": self.service,
                "version": version,
                "inputs": inputs,
                "outputs": outputs,
                "slices": slices,
                "status": status,
                "error": error,
                "latency_ms": round((time.perf_counter() - begun) * 1000, 3),
            },
        )
        if error is None:
            self.labels.expect(request_id, row["label"])
            self._say(request_id, now, outputs, row["label"])

    def _say(self, request_id: str, now: datetime, outputs: dict[str, Any], truth: Any) -> None:
        """Some users take the answer or do not; they know the truth no better than people do."""
        if random.random() < FEEDBACK_SHARE:  # noqa: S311
            fine = any(acceptable(answer, truth) for answer in outputs.values())
            taken = random.random() < (ACCEPTED_RIGHT if fine else ACCEPTED_WRONG)  # noqa: S311
            self._feedback.append(now, {"request_id": request_id, "time": stamp(now), "kind": "accept", "value": taken})

    def _ask(
        self, request_id: str, inputs: dict[str, Any]
    ) -> tuple[int | None, str | None, dict[str, Any], str | None]:
        body = json.dumps(
            {
                "id": request_id,
                "inputs": [
                    {
                        "name": name,
                        "datatype": kind,
                        "shape": [1, width],
                        "data": value if isinstance(value, list) else [value],
                    }
                    for name, (kind, width) in self._tensors.items()
                    for value in [inputs[name]]
                ],
            }
        )
        connection = getattr(self._own, "connection", None) or http.client.HTTPConnection(
            "127.0.0.1", self._port, timeout=DEADLINE_S
        )
        self._own.connection = connection
        try:
            connection.request("POST", f"/v2/models/{self.service}/infer", body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read().decode(errors="replace")
        except (OSError, http.client.HTTPException) as failure:
            connection.close()
            return None, None, {}, f"{type(failure).__name__}: {failure}"[:300]
        if answer.status != 200:
            return answer.status, None, {}, text[:300]
        try:
            said = json.loads(text)
            outputs = {
                output["name"]: output["data"] if len(output["data"]) > 1 else output["data"][0]
                for output in said["outputs"]
            }
            return 200, said["model_version"], outputs, None
        except (ValueError, KeyError, IndexError) as failure:
            return 200, None, {}, f"not an inference answer ({failure}): {text[:200]}"


def acceptable(answer: Any, truth: Any) -> bool:
    """Equal, or of numbers near enough to act on."""
    if isinstance(answer, float) and isinstance(truth, int | float):
        return abs(answer - truth) <= CLOSE_SHARE * max(abs(truth), 1.0)
    return bool(answer == truth)


def drifted(value: Any, change: dict[str, float] | None) -> Any:
    """``value`` scaled and shifted, element by element for a vector, within the change's ``max``."""
    if change is None:
        return value
    if isinstance(value, list):
        return [drifted(one, change) for one in value]
    return min(value * change.get("scale", 1.0) + change.get("add", 0.0), change.get("max", float("inf")))


def stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def arrivals(rate_per_s: float, until: float) -> Iterator[float]:
    """Random moments (monotonic) before ``until``, as independent users make them."""
    moment = time.monotonic()
    while rate_per_s > 0 and (moment := moment + random.expovariate(rate_per_s)) < until:
        yield moment


def drive(caller: Caller, orders: Path, stopped: threading.Event) -> None:
    """Calls at the ordered rate until stopped; skips arrivals that nobody is free to send, as no user waits in line."""
    free = threading.Semaphore(WORKERS * 2)

    def one(drift: dict[str, str] | None) -> None:
        try:
            caller.call(drift)
        finally:
            free.release()

    with ThreadPoolExecutor(WORKERS, thread_name_prefix=caller.service) as pool:
        while not stopped.is_set():
            order = jsonfile.read(orders) or {}
            end = time.monotonic() + 0.5
            for moment in arrivals(float(order.get("rate_per_s", 0.0)), end):
                if stopped.wait(max(0.0, moment - time.monotonic())):
                    break
                if free.acquire(blocking=False):
                    pool.submit(one, order.get("drift"))
            stopped.wait(max(0.0, end - time.monotonic()))
            caller.labels.deliver()


def main() -> None:
    """Runs until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fleet", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    given = parser.parse_args()
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    names = sorted(path.name.removesuffix(".about.json") for path in (given.fleet / "heldout").glob("*.about.json"))
    callers = [Caller(given.fleet, name, given.port) for name in names]
    threads = [
        threading.Thread(target=drive, args=(caller, given.fleet / "traffic.json", stopped)) for caller in callers
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for caller in callers:
        caller.labels.keep()


if __name__ == "__main__":
    main()
