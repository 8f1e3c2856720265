"""Was it validated on newer data than it was trained on, and tested on what callers send? From metadata and from facts."""

from __future__ import annotations

from typing import Any

import pytest

from mlcontrol.adapters.signatures.mlmodel import read_mlmodel
from mlcontrol.adapters.signatures.native import read_native, write_native
from mlcontrol.core.compatibility.check import compare
from mlcontrol.core.compatibility.facts import DataFacts
from mlcontrol.core.compatibility.reader import READERS
from mlcontrol.core.compatibility.report import Direction
from tests.core.compatibility.rule_examples import BASE, A, model


def told(rule: str, candidate: Any, data: DataFacts | None = None) -> list[tuple[str, str]]:
    report = compare(candidate, BASE, READERS["strict"], data=data)
    return [(f.verdict.value, f.title) for f in report.findings if f.rule == rule and f.direction is Direction.DEPLOY]


OVERLAPS = ("warn", "The validation data begins before the training data ends")
OLDER = ("warn", "The validation data is not newer than the training data")
UNKNOWN = ("unknown", "Whether it was validated on newer data is not known")


@pytest.mark.parametrize(
    ("stated", "found"),
    [
        ({"data_until_s": 10.0, "validation_from_s": 10.0, "validation_until_s": 20.0, "time_influenced": True}, []),
        ({"data_until_s": 10.0, "validation_from_s": 10.0, "validation_until_s": 20.0}, []),
        ({"data_until_s": 10.0, "validation_from_s": 0.0, "validation_until_s": 10.1}, [OVERLAPS]),
        ({"data_until_s": 10.0, "validation_until_s": 10.0}, [OLDER]),
        ({"data_until_s": 10.0, "validation_from_s": 1.0, "validation_until_s": 9.0, "time_influenced": True}, [OLDER]),
        ({"data_until_s": 10.0, "validation_until_s": 9.0, "time_influenced": False}, []),
        ({"data_until_s": 10.0, "time_influenced": True}, [UNKNOWN]),
        ({"validation_from_s": 10.0, "time_influenced": True}, [UNKNOWN]),
        ({"data_until_s": 10.0}, []),
    ],
)
def test_validation_on_newer_data_is_read_from_the_versions_own_metadata(stated: Any, found: Any) -> None:
    """It had been judged from a file of facts alone, never in the panel; and a part drawn at random, which ends a moment later
    than the training data does, had passed for newer."""
    assert told("D4", model(A, **stated)) == found


def test_facts_of_a_pipeline_come_before_the_metadata() -> None:
    stale = model(A, data_until_s=10.0, validation_until_s=5.0)
    assert told("D4", stale, DataFacts(validation_from_s=11.0, validation_until_s=12.0)) == []
    assert told("D4", stale, DataFacts(time_influenced=False)) == []
    assert told("D4", model(A, data_until_s=10.0), DataFacts(validation_from_s=9.0)) == [OVERLAPS]


def test_what_callers_send_and_nobody_tested_is_told() -> None:
    assert told("D2", BASE, DataFacts(untested_slices=("region=south",))) == [("warn", "Not tested on region=south")]


DOCUMENT = """
signature: {{inputs: '[{{"type": "double", "name": "a"}}]'}}
metadata:
  mlcontrol:
    data_until: 2026-09-01T00:00:00Z
    validation_from: 2026-09-02T00:00:00Z
    validation_until: 2026-09-09T00:00:00Z
    time_influenced: {influenced}
    slices: {slices}
"""


@pytest.mark.parametrize(
    ("slices", "names", "shares"),
    [
        ("[region=north, region]", ("region=north", "region"), {}),
        ("{region: [north, south]}", ("region=north", "region=south"), {}),
        (
            "{region: {north: 0.4, south: 0.6, east: much, west: 4}}",
            ("region=north", "region=south", "region=east", "region=west"),
            {"region=north": 0.4, "region=south": 0.6},
        ),
        ("north", None, {}),
    ],
)
def test_an_mlmodel_file_states_them_and_the_native_form_keeps_them(slices: str, names: Any, shares: Any) -> None:
    read = read_mlmodel(DOCUMENT.format(slices=slices, influenced="true"), "m", "1")
    assert (read.slices, read.slice_shares, read.time_influenced) == (names, shares, True)
    assert read.validation_from_s == read.data_until_s + 86_400
    again = read_native(write_native(read))
    assert (again.validation_from_s, again.validation_until_s) == (read.validation_from_s, read.validation_until_s)
    assert (again.slices, again.slice_shares, again.time_influenced) == (names, shares, True)
    assert read_mlmodel(DOCUMENT.format(slices=slices, influenced="perhaps"), "m").time_influenced is None
