"""Ten evaluators as processes on one real PostgreSQL that syncs to its disk: how long a claim and a judgement take.

The verdict is a ratio within one run; the printed line says the goal, the result and whether it was met on this machine.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.store import evaluators
from tests.store.conftest import PostgresServer

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]
ROOT = Path(__file__).parents[2]
EACH, THINK_S = 15, 0.4  # five times as fast as anybody judges


@pytest.fixture(scope="module")
def durable() -> Iterator[PostgresServer]:
    folder = Path(tempfile.mkdtemp(prefix="mlc-pg-"))
    folder.chmod(0o711)
    server = PostgresServer(folder)
    server.start(fsync=True)
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def sitting(
    server: PostgresServer, folder: Path, raters: int, think_s: float
) -> tuple[list[float], list[float], list[float]]:
    """Milliseconds of each claim, of each judgement, and of processor time of each claim; ``EACH`` items a process."""
    folder.mkdir()
    url = server.new_database()
    store = evaluators.open_store(url, folder)
    store.reviews.campaigns.put(evaluators.CAMPAIGN)
    items = raters * EACH
    store.reviews.campaigns.add_items(evaluators.CAMPAIGN, [evaluators.item(n) for n in range(items)])
    store.close()
    done = subprocess.run(
        [sys.executable, "-m", "tests.store.evaluators", "share", url, str(folder), str(raters), str(think_s)],
        cwd=ROOT, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    said = [json.loads(line) for line in done.stdout.splitlines() if line]
    assert sorted(one[1] for one in said) == [f"i{n:05}" for n in range(items)], "an item was lost or doubled"
    claims, judgements, work = ([1000 * one[i] for one in said] for i in (3, 4, 5))
    return claims, judgements, work


def p99(values: list[float]) -> float:
    return sorted(values)[int(0.99 * len(values))]


def test_ten_evaluators_wait_hardly_longer_than_one(durable: PostgresServer, tmp_path: Path) -> None:
    one, one_said, one_work = sitting(durable, tmp_path / "one", 1, THINK_S)
    ten, ten_said, ten_work = sitting(durable, tmp_path / "ten", 10, THINK_S)
    pressed, *_ = sitting(durable, tmp_path / "pressed", 10, 0.0)
    print(
        f"\nten evaluators, {1 / THINK_S:.1f} items/s each: claim p50 {statistics.median(ten):.1f} ms, p99 {p99(ten):.1f} ms "
        f"(goal 20); judgement durable p50 {statistics.median(ten_said):.1f} ms, p99 {p99(ten_said):.1f} ms (goal 20); "
        f"one alone: claim p99 {p99(one):.1f} ms, durable p99 {p99(one_said):.1f} ms; "
        f"processor time of a claim {statistics.median(ten_work):.1f} ms (one alone {statistics.median(one_work):.1f}); "
        f"ten without a pause: claim p50 {statistics.median(pressed):.1f} ms, p99 {p99(pressed):.1f} ms"
    )
    # Processor time and not the clock's: a claim steps over locked rows, it neither waits for them nor tries again.
    assert statistics.median(ten_work) < 4 * statistics.median(one_work)
