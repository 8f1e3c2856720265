from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from mlcontrol.gui.viewmodels import phrases


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "?"),
        (float("nan"), "?"),
        (0.4, "0.4 s"),
        (12, "12 s"),
        (59.6, "1 min"),
        (206, "3 min 26 s"),
        (7800, "2 h 10 min"),
        (6 * 86400, "6 d"),
    ],
)
def test_durations_have_two_units_at_most(seconds: float | None, words: str) -> None:
    assert phrases.duration_text(seconds) == words


def test_what_is_missing_reads_as_a_question_mark_and_never_as_zero() -> None:
    nan = float("nan")
    for words in (
        phrases.version_text(None),
        phrases.age_text(None, 5.0),
        phrases.bytes_text(None),
        phrases.percent_text(nan),
        phrases.rate_text(None),
        phrases.clock_text(None),
        phrases.metric_text(nan),
    ):
        assert words == "?"


@pytest.mark.parametrize(
    ("value", "metric", "whole"),
    [
        (8.460000038146973, "8.46", "8.46"),
        (0.6640625, "0.6641", "0.6640625"),
        (13_283.0, "13 283", "13283"),
        (13_283.25, "13 283", "13283.25"),
        (-250_000.0, "-250 000", "-250000"),
        (16_777_216.5, "16 777 216", "16777216"),
        (1e-7, "1e-07", "1e-07"),
        (1e20, "1e+20", "1e+20"),
        (float("inf"), "inf", "inf"),
    ],
)
def test_numbers_of_everyday_sizes_have_no_exponent(value: float, metric: str, whole: str) -> None:
    assert phrases.metric_text(value) == metric
    assert phrases.value_text(value) == whole


def test_versions_ages_and_sizes_read_with_their_units() -> None:
    assert phrases.version_text("3") == "v3"
    assert phrases.version_text("blue") == "blue"
    assert phrases.age_text(100.0, 104.0) == "4 s ago"
    assert phrases.bytes_text(86_200_000) == "86.2 MB"
    assert phrases.rate_text(8214) == "8 214 /s"
    assert phrases.percent_text(0.064) == "6.4 %"
    assert phrases.count_text(1, "warning") == "1 warning"
    assert phrases.count_text(18204, "row") == "18 204 rows"


@given(st.text(max_size=120), st.integers(min_value=1, max_value=40))
def test_elided_text_fits_and_keeps_both_ends(text: str, limit: int) -> None:
    shown = phrases.middle_elided(text, limit)
    assert len(shown) <= max(limit, 1)
    if len(text) > limit >= 3:
        assert shown[0] == text[0]
        assert shown[-1] == text[-1]


def test_control_and_direction_characters_become_visible() -> None:
    assert phrases.visible_text("a\u202eb\x1b[0m") == "a\\u202eb\\u001b[0m"
    assert len(phrases.visible_text("x" * 10_000, 50)) == 51
