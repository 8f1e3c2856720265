"""How long a silence lasts: what people write is understood, and nothing lasts for ever."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, strategies as st

from mlcontrol.core.alerts.silence_length import LONGEST_S, choices, leading, length_s

NOW_S = datetime(2026, 11, 27, 17, 30, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30 min", 1800),
        ("90m", 5400),
        ("90 m", 5400),
        ("1h", 3600),
        ("1h30m", 5400),
        ("1 d 2 h", 93_600),
        ("3 d", 259_200),
        ("4H", 14_400),
        ("18:00", 1800),
        ("until 18:00", 1800),
        ("until 08:00", 14.5 * 3600),
        ("17:30", 86_400),
        ("2026-11-28 17:30", 86_400),
        ("2026-11-27T19:30:00+01:00", 3600),
    ],
)
def test_what_people_write(text: str, seconds: float) -> None:
    assert length_s(text, NOW_S) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "always ends"),
        ("  until  ", "no time"),
        ("for ever", "no time"),
        ("-1h", "no time"),
        ("0m", "from a minute"),
        ("31 d", "30 days"),
        ("99999d", "30 days"),
        ("2026-11-26", "is past"),
        ("2999-01-01", "30 days"),
        ("25:00", "no time"),
        ("1h 1h 1h 1h", "no time"),
    ],
)
def test_what_is_no_length_is_said_in_words(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        length_s(text, NOW_S)


@given(st.text(max_size=30))
def test_whatever_is_written_ends_or_is_refused(text: str) -> None:
    try:
        found = length_s(text, NOW_S)
    except ValueError:
        return
    assert 0 < found <= LONGEST_S


def test_what_is_offered_can_be_chosen_and_the_next_hour_comes_first() -> None:
    offered = choices(NOW_S)
    assert offered[-3:] == ("until 18:00", "until 08:00", "until 12:00")
    assert all(length_s(one, NOW_S) > 0 for one in offered)


def test_a_time_may_stand_before_the_reason() -> None:
    assert leading("2h load test", 1800.0, NOW_S) == (7200.0, "load test")
    assert leading("90 min load test", 1800.0, NOW_S) == (5400.0, "load test")
    assert leading("until 18:00 load test", 60.0, NOW_S) == (1800.0, "load test")
    assert leading("known, 2h of it", 1800.0, NOW_S) == (1800.0, "known, 2h of it")
    assert leading("2h", 1800.0, NOW_S) == (1800.0, "2h"), "a reason is due"
