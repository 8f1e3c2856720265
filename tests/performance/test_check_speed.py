"""How long a check takes: beside what it must not cost more than, in the same run.

A pair of signatures, signatures of 2,000 columns and 10,000 logged requests are timed against a yardstick of plain Python that
takes about the time of the goal on the machine the goals were set on. The command from the shell is held to a Python that imports
numpy (P12).
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from mlcontrol.adapters.signatures.side_files import read_payloads
from mlcontrol.core.compatibility.check import compare
from mlcontrol.core.compatibility.observed import observe
from mlcontrol.core.compatibility.present import text
from mlcontrol.core.compatibility.reader import READERS
from mlcontrol.core.signature import Domain, Field, Signature

PAIRS = 5
SLACK = 2.0  # looser than the goals, so that a loud neighbour does not fail a build
MLFLOW = READERS["mlflow"]


def said(goal: str, ratio: float, limit: float) -> None:
    print(f"\n{goal}: {ratio:.2f} of the limit {limit:g}: {'met' if ratio <= limit else 'missed'}")


def seconds(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


def ratio(work: Callable[[], object], yardstick: Callable[[], object]) -> float:
    """Median over interleaved pairs."""
    work()
    return statistics.median(seconds(work) / seconds(yardstick) for _ in range(PAIRS))


def plain_python(goal_s: float) -> Callable[[], object]:
    """A loop that took ``goal_s`` where the goals were set."""
    rounds = int(20_000_000 * goal_s)
    return lambda: sum(number % 7 for number in range(rounds))


def columns(n: int) -> Signature:
    fields = tuple(Field(f"c{i}", "float64", (-1,), True, False, tensor=False) for i in range(n))
    return Signature("m", "1", fields, (Field("score", "float32", (-1,)),))


def changed(signature: Signature) -> Signature:
    """Every tenth column renamed, every one narrowed."""
    fields = tuple(
        replace(f, name=f"n{i}" if i % 10 == 0 else f.name, type="float32")
        for i, f in enumerate(signature.inputs or ())
    )
    return replace(signature, version="2", inputs=fields)


def test_a_pair_of_signatures_takes_50_ms() -> None:
    old = columns(20)
    new = changed(old)
    result = ratio(lambda: compare(new, old, MLFLOW), plain_python(0.05))
    said("pair of signatures, 50 ms", result, 1.0)
    assert result < SLACK


def test_two_thousand_columns_take_500_ms() -> None:
    old = columns(2_000)
    new = changed(old)
    result = ratio(lambda: compare(new, old, MLFLOW), plain_python(0.5))
    said("2,000 columns, 500 ms", result, 1.0)
    assert result < SLACK


def test_ten_thousand_requests_take_2_s() -> None:
    old = columns(20)
    new = replace(
        old, version="2", inputs=(*(old.inputs or ()), Field("late", "float64", (-1,), True, False, tensor=False))
    )
    rows = [{f"c{i}": number * 0.5 + i for i in range(20)} for number in range(10_000)]
    result = ratio(lambda: compare(new, old, MLFLOW, observed=observe(rows)), plain_python(2.0))
    said("10,000 requests, 2 s", result, 1.0)
    assert result < SLACK


def test_a_large_vocabulary_costs_no_more_than_a_small_one() -> None:
    """A tokenizer's 50,000 words, answers of 10,000 classes, 10,000 requests: held to the same work on 50 words."""

    def work(words: int, classes: int) -> Callable[[], object]:
        values = tuple(f"w{i}" for i in range(words))
        labels = tuple(f"k{i}" for i in range(classes))
        column = Field("a", "string", (-1,), True, False, domain=Domain(values), tensor=False)
        old = Signature("m", "1", (column,), (Field("y", "string", (-1,), classes=labels),))
        new = Signature(
            "m",
            "2",
            (replace(column, domain=Domain((*values, "new"))),),
            (Field("y", "string", (-1,), classes=(*labels, "new")),),
        )
        rows = [{"a": values[number * 7 % words]} for number in range(10_000)]
        return lambda: compare(new, old, MLFLOW, observed=observe(rows))

    result = ratio(work(50_000, 10_000), work(50, 10))
    said("a large vocabulary against a small one", result, 8.0)
    assert result < 8.0 * SLACK


def test_a_day_of_log_costs_what_its_end_costs(tmp_path: Path) -> None:
    long, short = tmp_path / "long.jsonl", tmp_path / "short.jsonl"
    line = b'{"a": 1.5, "b": "text"}\n'
    short.write_bytes(line * 10_000)
    long.write_bytes(line * 4_000_000)
    assert len(read_payloads(long)) == len(read_payloads(short)) == 10_000
    result = ratio(lambda: read_payloads(long), lambda: read_payloads(short))
    said("a log of 100 MB against its last 10,000 requests", result, 30.0)
    assert result < 30.0 * SLACK


def test_as_many_columns_added_as_removed_are_told_in_time_that_grows_with_them() -> None:
    def work(n: int) -> Callable[[], object]:
        old = columns(n)
        new = replace(
            old, inputs=(*(replace(f, name=f"n{f.name}") for f in old.inputs or ()), Field("z", "float64", (-1,)))
        )
        return lambda: text(compare(new, old, MLFLOW))

    result = ratio(work(3_000), work(300))
    said("ten times the columns", result, 10.0)
    assert result < 10.0 * SLACK


def _processor_seconds(command: list[str]) -> float:
    """Of a child and its children. No plug-in of the test run counts."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("COV_", "PYTEST"))}
    before = os.times()
    subprocess.run(command, check=False, capture_output=True, env=env, timeout=120)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def test_the_command_starts_within_three_imports_of_numpy(tmp_path: Path) -> None:
    """P12, the whole command with its report, from the shell."""
    body = {
        "schema": "mlcontrol.signature/1",
        "name": "fraud",
        "inputs": [
            {"name": f"c{i}", "type": "float64", "shape": [-1], "required": True, "nullable": False} for i in range(20)
        ],
        "outputs": [{"name": "score", "type": "float32", "shape": [-1]}],
    }
    one, two = tmp_path / "one.json", tmp_path / "two.json"
    one.write_text(json.dumps({**body, "version": "1"}))
    two.write_text(json.dumps({**body, "version": "2", "inputs": body["inputs"][1:]}))
    start = "import sys; from mlcontrol.cli.main import main; sys.exit(main(sys.argv[1:]))"
    check = [sys.executable, "-c", start, "check", str(two), "--against", str(one), "--reader", "mlflow"]
    numpy = [sys.executable, "-c", "import numpy"]
    report = json.loads(
        subprocess.run([*check, "--format", "json"], capture_output=True, timeout=120, check=False).stdout
    )
    assert report["one_way"]
    _processor_seconds(check)
    result = statistics.median(_processor_seconds(check) / _processor_seconds(numpy) for _ in range(PAIRS))
    said("check from the shell against import numpy, 3x", result, 3.0)
    assert result < 3.0 * SLACK
