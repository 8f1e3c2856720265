"""The last hour of traffic: what was counted, what was kept before, and what sources remember of the times in between."""

from __future__ import annotations

from math import isnan

from mlcontrol.services.past_traffic import HOUR_S, PastTraffic

NOW = 10_000.0
HOLE_S = 60.0


def counted(since: float, until: float, rate: float = 5.0, every: float = 5.0) -> list[tuple[float, float]]:
    return [(since + i * every, rate) for i in range(int((until - since) / every))]


def past(*points: tuple[float, float]) -> PastTraffic:
    made = PastTraffic()
    for at_s, rate in points:
        made.add(at_s, rate)
    return made


def test_what_a_source_remembers_fills_the_line_of_an_engine_that_has_just_begun() -> None:
    fresh = past(*counted(NOW - 10, NOW))
    assert sum(not isnan(v) for v in fresh.line(NOW)) == 1
    assert fresh.lacks(HOLE_S)
    fresh.recall(counted(NOW - HOUR_S, NOW, 4.0, 15.0), NOW, HOLE_S)
    line = fresh.line(NOW)
    assert not any(map(isnan, line))
    assert max(at_s for at_s, _ in fresh.remembered) < NOW - 10, "what was counted here counts"
    assert fresh.hour(NOW, 5.0, golden=False) == 4.0
    assert not fresh.lacks(HOLE_S)


def test_own_golden_queries_that_a_source_counts_do_not_become_usual() -> None:
    """A service that nobody asks has some queries a second at the source: this panel's."""
    fresh = past(*counted(NOW - 10, NOW, 0.0))
    fresh.recall(counted(NOW - HOUR_S, NOW, 0.2, 15.0), NOW, HOLE_S)
    assert fresh.hour(NOW, 0.0, golden=True) is None
    assert fresh.hour(NOW, 0.0, golden=False) == 0.2


def test_a_hole_is_asked_about_once_and_the_next_one_again() -> None:
    one = past(*counted(NOW - HOUR_S, NOW - 600), *counted(NOW - 300, NOW))
    assert one.lacks(HOLE_S)
    one.recall((), NOW, HOLE_S)
    assert not one.lacks(HOLE_S), "the source does not have it either"
    for point in counted(NOW + 200, NOW + 210):
        one.add(*point)
    assert one.lacks(HOLE_S)
    one.recall(counted(NOW + 210 - HOUR_S, NOW + 210, 9.0, 30.0), NOW + 210, HOLE_S)
    first, last = one.remembered[0], one.remembered[-1]
    assert (first[0], last[0]) == (NOW - 600, NOW + 180), "of both holes, and only of them"
    assert not [at_s for at_s, _ in one.remembered if NOW - 300 <= at_s < NOW - 5]


def test_nothing_is_lacking_while_polls_are_rare_or_nobody_has_answered() -> None:
    assert not past().lacks(HOLE_S)
    assert not past(*counted(NOW - HOUR_S, NOW, every=120.0)).lacks(360.0)


def test_an_engine_goes_on_from_what_the_one_before_had_kept() -> None:
    one = past(*counted(NOW - 10, NOW))
    one.resume(counted(NOW - HOUR_S, NOW - 5, 3.0))
    assert one.own == sorted(one.own)
    assert (len(one.own), one.own[-3:]) == (720, [(NOW - 15, 3.0), (NOW - 10, 5.0), (NOW - 5, 5.0)])
    assert one.hour(NOW, 5.0, golden=True) == 3.0
    assert not one.lacks(HOLE_S)


def test_half_an_hour_of_silence_is_not_usual() -> None:
    one = past(*counted(NOW - 1800, NOW))
    assert one.hour(NOW, 5.0, golden=True) == 5.0
    for point in counted(NOW, NOW + 1800, 0.0):
        one.add(*point)
        assert one.hour(point[0], 0.0, golden=True) == 5.0
