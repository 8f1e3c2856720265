"""Evaluators as real processes: ten on one queue, and one that is killed three hundred times."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.store import evaluators
from tests.store.conftest import PostgresServer

pytestmark = pytest.mark.timeout(420)  # hundreds of processes on whatever machine this is
PROGRAM = (sys.executable, "-m", "tests.store.evaluators")
ROOT = Path(__file__).parents[2]


@pytest.mark.real
def test_ten_processes_share_one_queue_without_a_duplicate_or_a_loss(postgres: PostgresServer, tmp_path: Path) -> None:
    url, items = postgres.new_database(), 300
    store = evaluators.open_store(url, tmp_path)
    store.reviews.campaigns.put(evaluators.CAMPAIGN)
    store.reviews.campaigns.add_items(evaluators.CAMPAIGN, [evaluators.item(n) for n in range(items)])
    done = subprocess.run(
        [*PROGRAM, "share", url, str(tmp_path), "10"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    said = [json.loads(line) for line in done.stdout.splitlines() if line]
    assert sorted(one[1] for one in said) == [f"i{n:05}" for n in range(items)]
    assert not any(surplus for _, _, surplus, *_ in said)
    assert len({one[0] for one in said}) >= 2, "one process did everything: nothing was shared"
    stored = store.reviews.said.of_campaign("c")
    assert len(stored) == len({j.item for j in stored}) == items
    assert store.reviews.campaigns.progress("c") == (items, items, 0)
    store.close()


@pytest.mark.real
def test_kill_at_every_write_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    """Fault 24."""
    done = subprocess.run(
        [*PROGRAM, "killed", str(tmp_path), "300"], cwd=ROOT, capture_output=True, text=True, timeout=400, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["kills"] == 300
    assert found["killed_inside_a_write"] >= 150
    assert found["acknowledged"] >= 200
    assert found["lost"] == []
    assert found["doubled"] == 0
    assert found["slots_done"] == found["stored"]


@pytest.mark.real
def test_twin_without_a_transaction_a_kill_leaves_half_a_judgement(tmp_path: Path) -> None:
    done = subprocess.run(
        [*PROGRAM, "killed", str(tmp_path), "60", "torn"], cwd=ROOT, capture_output=True, text=True, timeout=400, check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["slots_done"] != found["stored"]
