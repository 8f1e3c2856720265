"""The JSON Lines log: on files written here, and on the fleet's own log."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from mlcontrol.adapters.predictions.duckdb_connection import in_memory
from mlcontrol.adapters.predictions.jsonl import JsonLinesLog
from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.core.types import ConnectionKind
from mlcontrol.ports.errors import AdapterError, NotFound, TimedOut
from mlcontrol.ports.predictions import VersionLatency
from mlcontrol.testing.contracts.connection import no_secret
from tests.adapters.digits_log import SPAN, START_S, DigitsContract, folder, log_in, prediction, put

__all__ = ["folder"]


class TestContract(DigitsContract):
    @pytest.fixture
    def adapter(self, folder: Path) -> JsonLinesLog:
        return log_in(folder)


@pytest.mark.real
class TestFleet(DigitsContract):
    @pytest.fixture
    def adapter(self, connection: Callable[[str], ConnectionSettings]) -> JsonLinesLog:
        made = JsonLinesLog(connection("predictions"), no_secret)
        until_s = time.monotonic() + 240
        # Labels arrive 30 to 90 s late.
        while not any(b.n for b in made.quality("digits", "digit", 0, time.time() - 5, 60.0, False)):
            assert time.monotonic() < until_s
            time.sleep(0.5)
        return made

    @pytest.fixture
    def span(self) -> tuple[float, float]:
        return (time.time() - 3600.0, time.time() - 5.0)


def test_numbers_are_those_of_the_log(folder: Path) -> None:
    log = log_in(folder)
    assert {(s.version, s.answered, s.failed) for s in log.shares("digits", *SPAN)} == {("1", 40, 0), ("2", 80, 0)}
    buckets = log.quality("digits", "digit", *SPAN, bucket_s=600.0, regression=False)
    assert sum(b.n for b in buckets) == 108
    assert sum(b.correct for b in buckets) == sum(1 for n in range(120) if n % 10 and n % 4)
    assert log.slices("digits", *SPAN) == {"region": {"north": 60, "south": 60}}


def test_latencies_are_those_of_the_log_failures_included(tmp_path: Path) -> None:
    for number in range(101):
        at_s = START_S + number
        failed = {"status": 500, "error": "no answer"} if number == 100 else {}
        put(tmp_path, "predictions", at_s, prediction(number, at_s, version="2", latency_ms=float(number), **failed))
    put(tmp_path, "predictions", START_S, prediction(999, START_S, version="1", latency_ms=None))
    assert log_in(tmp_path).latency("digits", *SPAN) == (VersionLatency("2", 101, 50.0, 90.0, 99.0),)


def test_a_regression_sums_its_errors(tmp_path: Path) -> None:
    for number, (said, true) in enumerate([(10.0, 13.0), (5.0, 1.0)]):
        put(
            tmp_path, "predictions", START_S, prediction(number, START_S + number, version="1", outputs={"y": [[said]]})
        )
        put(tmp_path, "labels", START_S, {"request_id": f"r{number}", "time": "late", "label": true})
    (bucket,) = log_in(tmp_path).quality("digits", "y", *SPAN, bucket_s=3600.0, regression=True)
    assert (bucket.n, bucket.squared_error, bucket.absolute_error) == (2, 25.0, 7.0)
    assert bucket.quartic_error == 3.0**4 + 4.0**4


def test_errors_count_as_failed_and_are_never_sampled(tmp_path: Path) -> None:
    put(tmp_path, "predictions", START_S, prediction(1, START_S, error="boom", status=500, version=None, outputs=None))
    put(tmp_path, "predictions", START_S, prediction(2, START_S))
    log = log_in(tmp_path)
    assert {(s.version, s.answered, s.failed) for s in log.shares("digits", *SPAN)} == {("", 0, 1), ("2", 1, 0)}
    assert [item.request_id for item in log.sample("digits", 9, 1, *SPAN)] == ["r2"]


def test_lines_that_are_no_json_are_left_out_and_counted(folder: Path) -> None:
    log = log_in(folder)
    for bad in ('{"request_id": "cut', "not json at all", '{"request_id": 7, "time": "never"}', "[1, 2]"):
        put(folder, "predictions", START_S, bad)
    assert sum(s.answered for s in log.shares("digits", *SPAN)) == 120
    assert log.malformed("digits", *SPAN) == 4
    with (folder / "predictions" / "digits" / "20260329T01.jsonl").open("a") as out:
        out.write('{"request_id": "r9", "ti')  # it is being written
    assert log.malformed("digits", *SPAN) == 4


def test_a_hostile_value_is_data(tmp_path: Path) -> None:
    hostile = "'; drop table log; --"
    put(
        tmp_path, "predictions", START_S, prediction(1, START_S, version=hostile, slices={hostile: hostile, 'a"b': "c"})
    )
    log = log_in(tmp_path)
    assert log.shares("digits", *SPAN)[0].version == hostile
    assert log.slices("digits", *SPAN)[hostile] == {hostile: 1}
    assert log.sample("digits", 1, 1, *SPAN, version=hostile)[0].version == hostile
    for name in ("../digits", "/etc", "a/b", "", "x'y"):
        with pytest.raises(AdapterError):
            log.shares(name, *SPAN)


def test_only_hours_that_matter_are_opened(folder: Path) -> None:
    far = START_S - 10 * 3600
    put(folder, "predictions", far, prediction(999, START_S + 1))  # misfiled: would count if the file were read
    assert sum(s.answered for s in log_in(folder).shares("digits", *SPAN)) == 120


def test_a_sample_is_spread_evenly(tmp_path: Path) -> None:
    for number in range(400):
        put(tmp_path, "predictions", START_S, prediction(number, START_S + number / 10))
    log = log_in(tmp_path)
    firsts = [int(i.request_id[1:]) for seed in range(10) for i in log.sample("digits", 20, seed, *SPAN)]
    assert 140 < sum(firsts) / len(firsts) < 260
    assert len(set(firsts)) > 120


def test_a_long_question_is_interrupted(tmp_path: Path) -> None:
    noise = random.Random(1)
    file = tmp_path / "predictions" / "digits" / "20260329T00.jsonl"
    file.parent.mkdir(parents=True)
    lines = "".join(json.dumps(prediction(n, START_S + noise.random() * 600)) + "\n" for n in range(2000))
    file.write_text(lines * 100)
    with pytest.raises(TimedOut):
        log_in(tmp_path).quality("digits", "digit", *SPAN, bucket_s=60.0, regression=False, deadline_s=0.05)


def test_a_deadline_that_passes_between_two_statements_ends_the_next_one() -> None:
    """The one interruption at the deadline had met no statement, and the next one ran as long as it liked."""
    long = "select max(hash(a.range, b.range)) from range(200000) a, range(200000) b"
    with in_memory(0.05) as connection:
        threading.Event().wait(0.15)
        with pytest.raises(duckdb.InterruptException):
            connection.execute(long)


def test_a_missing_folder_is_a_diagnosis(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no folder"):
        log_in(tmp_path / "nowhere").probe()


def test_what_users_did_counts_once_an_answer(folder: Path) -> None:
    rows = [
        ("r1", "accept", True),
        ("r1", "accept", True),
        ("r2", "accept", "no"),
        ("r3", "click", "up"),
        ("r4", "accept", "?"),
    ]
    for ident, kind, value in rows:
        put(folder, "feedback", START_S + 90, {"request_id": ident, "kind": kind, "value": value})
    put(folder, "feedback", START_S + 90, "{broken")
    made = log_in(folder)
    assert made.feedback("digits", *SPAN) == ()  # no folder of feedback is named
    options = {name: (folder / name).as_uri() for name in ("labels", "feedback")}
    url = (folder / "predictions").as_uri()
    made = JsonLinesLog(ConnectionSettings("log", ConnectionKind.PREDICTIONS, "jsonl", url, options=options), no_secret)
    found = {(f.version, f.kind): (f.positive, f.n) for f in made.feedback("digits", *SPAN)}
    assert found == {("2", "accept"): (1, 2), ("1", "click"): (1, 1)}
