"""Labels as they come: late, twice, contradicting each other, of nobody's request, written in other ways than the answers."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest

from mlcontrol.adapters.predictions.jsonl import JsonLinesLog
from mlcontrol.core.quality.logged import Answered, Measured, measure
from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.core.signals.log_rows import LoggedRow, rows_as_log
from mlcontrol.core.types import ConnectionKind
from mlcontrol.ports.predictions import QualityBucket
from mlcontrol.testing.contracts.connection import no_secret
from tests.adapters.digits_log import SPAN, START_S, log_in, prediction, put


def both(folder: Path, regression: bool = False) -> tuple[QualityBucket, Measured]:
    """What the watch counts in the log, and what the report measures of its rows."""
    log = log_in(folder)
    (bucket,) = log.quality("digits", "digit", *SPAN, 3600.0, regression)
    rows = log.sample("digits", 1000, 1, *SPAN)
    rows_as_log([LoggedRow(p.inputs, p.outputs, p.slices) for p in rows], "digit")
    return bucket, measure(
        [Answered(p.outputs, p.label, p.slices, p.contradicted) for p in rows], "digit", "", regression
    )


def log_of(folder: Path, *answers: Any, **changes: Any) -> None:
    for number, answer in enumerate(answers):
        row = prediction(number, START_S + number, version="1", outputs={"digit": answer}, **changes)
        put(folder, "predictions", START_S, row)


def label(folder: Path, number: int, value: Any, at_s: float | None = None) -> None:
    put(folder, "labels", START_S, {"request_id": f"r{number}", "label": value} | ({"time": at_s} if at_s else {}))


@pytest.mark.parametrize(
    ("answer", "truth", "right"),
    [
        (7, "7", True),
        ("7", 7.0, True),
        (7.0, "7.0", True),
        ([[7]], ["7"], True),
        (True, "true", True),
        ("True", True, True),
        (True, 1, True),
        (0, False, True),
        ("cat", "cat", True),
        (True, 0, False),
        (7, "8", False),
        ("cat", "dog", False),
        (False, 7, False),
    ],
)
def test_one_class_has_one_name_however_it_is_written(tmp_path: Path, answer: Any, truth: Any, right: bool) -> None:
    """The watch and the report say the same."""
    log_of(tmp_path, answer)
    label(tmp_path, 0, truth)
    bucket, measured = both(tmp_path)
    assert (bucket.n, bucket.correct) == (1, int(right))
    assert (measured.labelled, measured.measures[0].value) == (1, float(right))


@pytest.mark.parametrize(
    ("answer", "truth"), [(7, None), (7, [0, 1]), ([0.9, 0.1], [0, 1]), (None, 7), ([], 7), (7, float("nan"))]
)
def test_what_cannot_be_compared_is_neither_right_nor_wrong(tmp_path: Path, answer: Any, truth: Any) -> None:
    log_of(tmp_path, answer, 3)
    label(tmp_path, 0, truth)
    label(tmp_path, 1, 3)
    bucket, measured = both(tmp_path)
    assert (bucket.served, bucket.n, bucket.correct) == (2, 1, 1)
    assert measured.labelled == 1


def test_a_number_that_is_none_does_not_blind_a_regression(tmp_path: Path) -> None:
    log_of(tmp_path, 5.0, 6.0, 7.0)
    label(tmp_path, 0, float("nan"))
    label(tmp_path, 1, 8.0)
    label(tmp_path, 2, "7.0")
    bucket, _ = both(tmp_path, regression=True)
    assert (bucket.n, bucket.squared_error) == (2, 4.0)


def test_of_several_labels_the_last_counts_and_it_is_said(tmp_path: Path) -> None:
    log_of(tmp_path, 7, 7, 7, 7)
    for number, value, at_s in [
        (0, 3, START_S + 90),
        (0, 7, START_S + 200),
        (1, 7, START_S + 50),
        (1, 4, START_S + 60),
    ]:
        label(tmp_path, number, value, at_s)
    label(tmp_path, 2, 7)  # twice the same, without a time
    label(tmp_path, 2, "7")
    label(tmp_path, 99, 1)  # of a request that nobody saw
    bucket, measured = both(tmp_path)
    assert (bucket.served, bucket.n, bucket.correct) == (4, 3, 2)
    assert measured.labelled == 3
    assert any("labels of 2 answers contradict each other" in note for note in measured.notes)


def test_where_no_time_tells_which_label_is_the_last_none_counts(tmp_path: Path) -> None:
    """In either order: which line is read first must not decide."""
    log_of(tmp_path, 7, 7, 7)
    for number, values in enumerate([(7, 3), (3, 7), (7, 7)]):
        for value in values:
            label(tmp_path, number, value)
    bucket, measured = both(tmp_path)
    assert (bucket.n, bucket.correct) == (1, 1)
    assert any("none where no time tells which" in note for note in measured.notes)


def test_a_request_that_was_logged_twice_was_answered_once(tmp_path: Path) -> None:
    for _ in range(3):
        log_of(tmp_path, 7, 2)
    put(tmp_path, "predictions", START_S, prediction(0, START_S + 9, version="1", outputs={"digit": 4}))  # asked again
    label(tmp_path, 0, 7)
    label(tmp_path, 1, 2)
    bucket, measured = both(tmp_path)
    assert (bucket.served, bucket.n, bucket.correct) == (2, 2, 1)
    assert measured.labelled == 2


def test_a_log_that_has_every_row_twice_counts_as_if_it_had_each_once(tmp_path: Path) -> None:
    """Of what delivers at least once; the shares, the evidence of rollouts and what users did had counted twice."""
    for folder, times in ((tmp_path / "once", 1), (tmp_path / "twice", 2)):
        for _ in range(times):
            log_of(folder, 7, 2, 7)
            put(folder, "predictions", START_S, prediction(9, START_S, version="1", error="full", outputs={}))
            put(folder, "predictions", START_S, prediction(0, START_S, version="2", outputs={"digit": 7}))  # a shadow
        put(folder, "feedback", START_S, {"request_id": "r0", "kind": "accept", "value": 1})
    (shares, evidence, answers, feedback), twice = (_counted(tmp_path / name) for name in ("once", "twice"))
    assert [(s.version, s.answered, s.failed) for s in shares] == [("1", 3, 1), ("2", 1, 0)]
    assert [(e.version, e.answered, e.slower) for e in evidence] == [("1", 4, (4,)), ("2", 1, (1,))]
    assert [(f.version, f.positive, f.n) for f in feedback] == [("1", 1, 1), ("2", 1, 1)]
    assert twice == (shares, evidence, answers, feedback)


def _counted(folder: Path) -> tuple[Any, ...]:
    options = {name: (folder / name).as_uri() for name in ("labels", "feedback")}
    url = (folder / "predictions").as_uri()
    log = JsonLinesLog(ConnectionSettings("log", ConnectionKind.PREDICTIONS, "jsonl", url, options=options), no_secret)
    found = log.answers("digits", "digit", *SPAN)
    return (
        log.shares("digits", *SPAN),
        log.evidence("digits", "digit", *SPAN, (1.0,)),
        sorted(found.at_s.tolist()),
        log.feedback("digits", *SPAN),
    )


@pytest.mark.parametrize("early_s", [1.0, 60.0, 3500.0])
def test_a_label_that_is_dated_before_its_answer_is_found(tmp_path: Path, early_s: float) -> None:
    """Clocks differ, and the file of the hour before is that of another hour: it had not been opened."""
    at_s = START_S + 1800.0  # the first second of an hour
    put(tmp_path, "predictions", at_s, prediction(0, at_s, version="1", outputs={"digit": 7}))
    put(tmp_path, "labels", at_s - early_s, {"request_id": "r0", "label": 7, "time": at_s - early_s})
    (bucket,) = log_in(tmp_path).quality("digits", "digit", at_s, at_s + 900.0, 3600.0, False)
    assert (bucket.served, bucket.n, bucket.correct) == (1, 1, 1)


@pytest.mark.parametrize("strange", [None, [7], 5, "seven", True])
@pytest.mark.parametrize("column", ["inputs", "outputs", "slices"])
def test_what_is_no_object_holds_nothing_and_stops_nobody(tmp_path: Path, column: str, strange: Any) -> None:
    put(tmp_path, "predictions", START_S, prediction(0, START_S, version="1", **{column: strange}))
    put(tmp_path, "predictions", START_S, prediction(1, START_S, version="1"))
    label(tmp_path, 0, 0)
    label(tmp_path, 1, 1)
    bucket, measured = both(tmp_path)
    assert bucket.served == 2
    assert bucket.n == measured.labelled == (1 if column == "outputs" else 2)


def test_one_label_of_another_kind_does_not_turn_the_report_round(tmp_path: Path) -> None:
    log_of(tmp_path, 7, 7, 7)
    for number, value in enumerate([7, 7, [1, 0]]):
        label(tmp_path, number, value)
    _, measured = both(tmp_path)
    assert (measured.labelled, measured.measures[0].name) == (2, "accuracy")
    assert "1 labels are lists" in " ".join(measured.notes)


def test_rotated_and_packed_files_are_part_of_the_log(tmp_path: Path) -> None:
    folder = tmp_path / "predictions" / "digits"
    folder.mkdir(parents=True)

    def lines(first: int) -> bytes:
        rows = (prediction(n, START_S + n, version="1", outputs={"digit": 1}) for n in range(first, first + 10))
        return "".join(json.dumps(row) + "\n" for row in rows).encode()

    (folder / "all.jsonl").write_bytes(lines(0))
    (folder / "all.jsonl.1").write_bytes(lines(10))
    (folder / "all.jsonl.2.gz").write_bytes(gzip.compress(lines(20)))
    (folder / "all.jsonl.1.gz").write_bytes(gzip.compress(lines(10))[:50])  # being packed: the plain one is still there
    (folder / "all.jsonl-20260328.gz").write_bytes(gzip.compress(lines(30)))
    (folder / "new.jsonl.gz").write_bytes(gzip.compress(lines(40))[:60])  # not there yet
    (folder / "all.jsonl.bak").write_bytes(lines(50))
    for name in ("all.jsonl.2.gz", "all.jsonl-20260328.gz"):
        os.utime(folder / name, (START_S, START_S))
    log = log_in(tmp_path)
    assert sum(s.answered for s in log.shares("digits", *SPAN)) == 40
    log.close()


def test_flat_columns_in_json_lines_are_objects(tmp_path: Path) -> None:
    row = {
        "request_id": "a",
        "time": START_S + 1,
        "version": 2,
        "inputs.age": 30,
        "slices.region": "north",
        "answer": 7,
    }
    put(tmp_path, "predictions", START_S, row)
    label(tmp_path, 0, 7)
    put(tmp_path, "labels", START_S, {"request_id": "a", "label": 7})
    options = {"labels": (tmp_path / "labels").as_uri(), "columns": "outputs.digit=answer"}
    url = (tmp_path / "predictions").as_uri()
    log = JsonLinesLog(ConnectionSettings("log", ConnectionKind.PREDICTIONS, "jsonl", url, options=options), no_secret)
    (found,) = log.sample("digits", 9, 1, *SPAN)
    assert (found.inputs, found.outputs, found.slices) == ('{"age":30}', '{"digit":7}', {"region": "north"})
    (bucket,) = log.quality("digits", "digit", *SPAN, 3600.0, False)
    assert (bucket.n, bucket.correct) == (1, 1)
    log.close()
