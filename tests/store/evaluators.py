"""Run as a program: evaluators that are processes of their own, and evaluators that are killed.

``share URL FOLDER RATERS [THINK_S]``: that many processes claim and judge until nothing is left, each after a moment of about
``THINK_S``; prints each judgement and how long its claim and its storing took.
``killed FOLDER KILLS [torn]``: fork an evaluator again and again, kill it at a write, and look at what the store then says.
``torn``: what it writes is no transaction, but statement by statement.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from mlcontrol.core.review.campaign import Campaign
from mlcontrol.core.review.judging import Judgement, JudgementVerdict, ReviewItem
from mlcontrol.ports.clock import SystemClock
from mlcontrol.store.database import Database
from mlcontrol.store.store import Store

CAMPAIGN = Campaign("c", "digits", "Digits")


def open_store(url: str, folder: Path) -> Store:
    return Store.open(url, folder, SystemClock(), folder / "heads")


def item(number: int) -> ReviewItem:
    return ReviewItem(f"i{number:05}", "digits", f"r{number}", 0.0, "{}", "{}", {}, "3", campaign="c")


def said(item_id: str, rater: str) -> Judgement:
    return Judgement(
        f"j-{item_id}", item_id, "digits", "3", rater, JudgementVerdict.RIGHT, 1.0, campaign="c", label="right"
    )


def share(url: str, folder: Path, raters: int, think_s: float = 0.0) -> None:
    """Fork ``raters`` processes, each with a store of its own."""
    children = []
    for number in range(raters):
        child = os.fork()
        if child == 0:
            _share(url, folder, f"rater{number}", think_s)
            os._exit(0)
        children.append(child)
    if any(os.waitpid(child, 0)[1] for child in children):
        sys.exit(1)


def _share(url: str, folder: Path, rater: str, think_s: float) -> None:
    rng = random.Random(rater)
    own = folder / rater
    own.mkdir()
    store = open_store(url, own)
    lines = []
    store.reviews.campaigns.get("c")  # connected before anything is timed, as a bench is
    while True:
        time.sleep(think_s * 2 * rng.random())
        started, worked = time.perf_counter(), time.process_time()
        found = store.reviews.claims.claim("c", rater, time.time(), 600.0)
        took, cpu = time.perf_counter() - started, time.process_time() - worked
        if found is None:
            break
        started = time.perf_counter()
        stored = store.reviews.said.judge(said(found.id, rater))
        lines.append(json.dumps([rater, found.id, stored.surplus, took, time.perf_counter() - started, cpu]))
    store.close()
    os.write(1, ("\n".join(lines) + "\n").encode())


@contextmanager
def statement_by_statement(database: Database) -> Iterator[sa.Connection]:
    with database._engine.connect() as connection:
        yield connection


def killed(folder: Path, kills: int) -> None:
    url = "sqlite:///panel.db"
    store = open_store(url, folder)
    store.reviews.campaigns.put(CAMPAIGN)
    store.reviews.campaigns.add_items(CAMPAIGN, [item(n) for n in range(4 * kills)])
    store.close()
    rng = random.Random(7)
    acknowledged: list[str] = []
    statements_seen = 0
    for number in range(kills):
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            _judge_until_killed(url, folder, writing, number)
            os._exit(0)
        os.close(writing)
        if number % 3 == 2:  # a third from outside, at any moment at all
            os.read(reading, 6)  # "ready"
            time.sleep(rng.random() * 0.12)
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        with os.fdopen(reading, "rb") as pipe:
            lines = pipe.read().decode().splitlines()
        acknowledged += [line for line in lines if line.startswith("j-")]
        statements_seen += sum(line == "killing" for line in lines)
    store = open_store(url, folder)
    stored = [(j.id, j.item, j.withdrawn) for j in store.reviews.said.of_campaign("c")]
    done = store.reviews.campaigns.progress("c")[1]
    store.close()
    ids = [one[0] for one in stored]
    print(
        json.dumps(
            {
                "kills": kills,
                "killed_inside_a_write": statements_seen,
                "acknowledged": len(acknowledged),
                "stored": len(stored),
                "lost": sorted(set(acknowledged) - set(ids)),
                "doubled": len(ids) - len(set(ids)) + len(stored) - len({one[1] for one in stored}),
                "slots_done": done,
            }
        )
    )


def _judge_until_killed(url: str, folder: Path, writing: int, number: int) -> None:
    store = open_store(url, folder)
    engine = store.reviews._db._engine
    die_at = number // 3 % 12  # which statement of the second judgement, or its commit
    left = [-1]

    def count(*_: object) -> None:
        if left[0] >= 0:
            if left[0] == 0:
                os.write(writing, b"killing\n")
                os.kill(os.getpid(), signal.SIGKILL)
            left[0] -= 1

    os.write(writing, b"ready\n")
    sa.event.listen(engine, "before_cursor_execute", count)
    sa.event.listen(engine, "after_cursor_execute", count)
    sa.event.listen(engine, "commit", count)
    for turn in range(3):
        found = store.reviews.claims.claim("c", "ann", time.time(), 600.0)
        assert found is not None
        left[0] = die_at if turn == 1 and number % 3 != 2 else -1
        store.reviews.said.judge(said(found.id, "ann"))
        left[0] = -1
        os.write(writing, f"j-{found.id}\n".encode())
    if number % 3 != 2:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(5)


if __name__ == "__main__":
    if sys.argv[1] == "share":
        share(sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5]) if len(sys.argv) > 5 else 0.0)
    else:
        if "torn" in sys.argv:
            Database.write = statement_by_statement  # type: ignore[method-assign]
        killed(Path(sys.argv[2]), int(sys.argv[3]))
