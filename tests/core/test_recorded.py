"""A change as its maker records it: once, in bounds, and never taken for what was observed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mlcontrol.core.problem import ProblemError
from mlcontrol.core.recorded import PERSON, RecordedChange, event_of, recorded, same
from mlcontrol.core.types import EventKind

NOW_S = 1_700_000_000.0
SNAPSHOT = RecordedChange(
    EventKind.DATA, "features of 14 November", "digits", "rows 1204", "2023-11-13", "2023-11-14", NOW_S - 600, "run-7"
)


def test_what_was_told_is_on_the_event_with_who_told_it() -> None:
    event = event_of(SNAPSHOT, "airflow", NOW_S)
    assert (event.kind, event.title, event.service, event.detail) == (
        EventKind.DATA,
        "features of 14 November",
        "digits",
        "rows 1204",
    )
    assert (event.version_from, event.version_to, event.at_s) == ("2023-11-13", "2023-11-14", NOW_S - 600)
    assert (event.source, event.actor) == ("pipeline", "airflow")
    assert recorded(event)


def test_the_same_id_is_the_same_event_and_without_one_each_is_another() -> None:
    again = event_of(replace(SNAPSHOT, at_s=None), "cron", NOW_S + 60)
    assert again.id == event_of(SNAPSHOT, "airflow", NOW_S).id
    assert same(again, event_of(SNAPSHOT, "airflow", NOW_S))
    assert not same(again, event_of(replace(SNAPSHOT, title="another"), "airflow", NOW_S))
    alone = replace(SNAPSHOT, ident="")
    assert event_of(alone, "a", NOW_S, "one").id != event_of(alone, "a", NOW_S, "two").id


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"title": " \n "}, "no title"),
        ({"title": "x" * 201}, "201 characters"),
        ({"detail": "x" * 4001}, "at most 4000"),
        ({"version_to": "x" * 101}, "version is too long"),
        ({"title": "caf\udce9"}, "no text"),
        ({"kind": EventKind.DEPLOY}, "deploy cannot be recorded"),
        ({"kind": EventKind.ROUTE}, "route cannot be recorded"),
        ({"source": "prediction log"}, "records nothing"),
        ({"at_s": NOW_S + 3600}, "not possible"),
        ({"at_s": float("nan")}, "not possible"),
        ({"at_s": 0.0}, "not possible"),
        ({"ident": "two words"}, "no id"),
        ({"ident": "x" * 121}, "no id"),
        ({"ident": "-x"}, "no id"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_cut_in_silence(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ProblemError) as caught:
        event_of(replace(SNAPSHOT, **wrong), "airflow", NOW_S)
    assert words in str(caught.value.problem)
    assert caught.value.problem.code == "usage"


def test_a_title_is_one_line_and_a_clock_a_little_ahead_is_now() -> None:
    event = event_of(replace(SNAPSHOT, title="two\nlines\tof it", at_s=NOW_S + 30, source=PERSON), "ann", NOW_S)
    assert event.title == "two lines of it"
    assert event.at_s == NOW_S
    assert event.source == "person"
