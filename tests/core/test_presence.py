"""Presence: one way into ok, none from silence."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from mlcontrol.core import presence
from mlcontrol.core.facts import Alias, GoldenAnswer, Known, Route, ServiceFacts, Traffic
from mlcontrol.core.presence import Moment, join
from mlcontrol.core.problem import Problem
from mlcontrol.core.types import Freshness, Health, Replica, ReplicaState, Signal, Stamp

NOW_S = 1000.0
POLL_S = 5.0
NOW = Moment(NOW_S, POLL_S)


def ago(age_s: float) -> Stamp:
    return Stamp(0.0, NOW_S - age_s, int(10_000 - age_s))


def replicas(*ready: str, loading: str = "", since_s: float = 0.0) -> Known[tuple[Replica, ...]]:
    rows = [Replica("triton", version, ReplicaState.READY) for version in ready]
    if loading:
        rows.append(Replica("triton", loading, ReplicaState.LOADING, since=ago(since_s)))
    return Known(tuple(rows), ago(1))


def good() -> ServiceFacts:
    """v3 intended, loaded, routed, used, and it answers."""
    return ServiceFacts(
        alias=Known(Alias("champion", "3"), ago(1)),
        replicas={"triton": replicas("2", "3")},
        route=Known(Route("3", None, 0.0), ago(1)),
        golden_answer=Known(GoldenAnswer("3", True, 14.0, "g1"), ago(1)),
        traffic=Known(Traffic({"3": 8.0}), ago(1)),
    )


def answered_by(version: str | None, right: bool = True) -> Known[GoldenAnswer]:
    return Known(GoldenAnswer(version, right, 14.0, "g1"), ago(1))


def signal(facts: ServiceFacts) -> Signal:
    return join(facts, NOW).signal


def test_the_expected_version_answers() -> None:
    found = signal(good())
    assert (found.health, found.text) == (Health.OK, "v3 answers")


def test_not_wired_in_when_loaded_but_not_routed() -> None:
    facts = replace(good(), route=Known(Route("2", None, 0.0), ago(1)), golden_answer=answered_by("2"))
    assert (signal(facts).health, signal(facts).text) == (Health.CRITICAL, "v3 not wired in")


def test_not_wired_in_when_no_endpoint_has_it() -> None:
    """Fault 16: registered, and on no server."""
    facts = replace(good(), replicas={"triton": replicas("2")}, golden_answer=answered_by("2"))
    assert (signal(facts).health, signal(facts).text) == (Health.CRITICAL, "v3 not wired in")


@pytest.mark.parametrize(("since_s", "text"), [(5.0, "v3 loading"), (90.0, "v3 stuck loading")])
def test_loading_too_long_is_stuck(since_s: float, text: str) -> None:
    loading = replicas("2", loading="3", since_s=since_s)
    facts = replace(good(), replicas={"triton": loading}, golden_answer=answered_by("2"))
    assert signal(facts).text == text


def test_routed_to_the_intended_version_but_another_answers() -> None:
    assert signal(replace(good(), golden_answer=answered_by("2"))).text == "version differs"


def test_silence_says_since_when() -> None:
    frozen = Known(GoldenAnswer("3", True, 14.0, "g1"), ago(48), Problem("No answer within 4 s."), ago(1))
    found = signal(replace(good(), golden_answer=frozen))
    assert (found.health, found.text) == (Health.UNKNOWN, "silent 48 s")


def test_stale_after_two_polls_is_no_longer_ok() -> None:
    found = signal(replace(good(), golden_answer=Known(GoldenAnswer("3", True, 14.0, "g1"), ago(2 * POLL_S + 1))))
    assert (found.health, found.freshness) == (Health.UNKNOWN, Freshness.STALE)


def test_an_endpoint_that_lacks_the_version_is_named() -> None:
    """Fault 17: one replica of several is behind."""
    facts = replace(good(), replicas={"a": replicas("3"), "b": replicas("3"), "c": replicas("2")})
    assert signal(facts).health is Health.WARNING
    assert signal(facts).text == "partial 2 of 3 (not on c)"


def test_an_endpoint_that_is_silent_counts_as_lacking() -> None:
    silent = Known((Replica("b", "3", ReplicaState.READY),), ago(60))
    assert signal(replace(good(), replicas={"a": replicas("3"), "b": silent})).text == "partial 1 of 2 (b silent)"


def test_a_stray_version_that_callers_still_reach() -> None:
    found = signal(replace(good(), traffic=Known(Traffic({"3": 8.0, "2": 1.0}, frozenset({"2", "3"})), ago(1))))
    assert (found.health, found.text) == (Health.WARNING, "v2 still used")


def test_a_burst_on_a_version_off_the_road_is_no_use() -> None:
    facts = replace(good(), traffic=Known(Traffic({"3": 8.0, "2": 4.0}, frozenset({"3"})), ago(1)))
    assert join(facts, NOW).used.versions == ("3",)
    assert signal(facts).health is Health.OK


def test_a_canary_answers_for_the_stable_version() -> None:
    facts = replace(
        good(),
        alias=Known(Alias("champion", "2"), ago(1)),
        route=Known(Route("2", "3", 10.0), ago(1)),
        golden_answer=answered_by("3"),
        traffic=Known(Traffic({"2": 7.0, "3": 1.0}), ago(1)),
    )
    assert (signal(facts).health, signal(facts).text) == (Health.OK, "v3 answers, canary v3 10 %")


def test_a_wrong_answer_is_no_presence() -> None:
    assert signal(replace(good(), golden_answer=answered_by("3", right=False))).health is Health.CRITICAL


def test_a_server_that_answers_with_errors_is_critical_at_once() -> None:
    failing = replace(answered_by("3"), failed=Problem("It failed (500).", code="server-failed"), failed_at=ago(0))
    assert signal(replace(good(), golden_answer=failing)).health is Health.CRITICAL


def test_without_a_golden_set_nothing_is_known() -> None:
    assert join(good(), NOW, "this service has no golden set").signal.health is Health.UNKNOWN


ages = st.one_of(st.none(), st.floats(0, 60))
versions = st.sampled_from(["1", "2", "3"])


@st.composite
def any_facts(draw: st.DrawFn) -> ServiceFacts:
    def known(value: object) -> Known:  # type: ignore[type-arg]
        age = draw(ages)
        failed = draw(st.sampled_from([None, "timeout", "unreachable", "server-failed"]))
        return Known(
            value if age is not None else None,
            None if age is None else ago(age),
            None if failed is None else Problem("no", code=failed),
            None if failed is None else ago(0),
        )

    endpoints = {
        name: known(tuple(Replica(name, v, draw(st.sampled_from(list(ReplicaState)))) for v in draw(st.sets(versions))))
        for name in draw(st.sets(st.sampled_from(["a", "b"])))
    }
    return ServiceFacts(
        alias=known(Alias("champion", draw(st.one_of(st.none(), versions)))),
        replicas=endpoints,
        route=known(
            Route(draw(versions), draw(st.one_of(st.none(), versions)), draw(st.sampled_from([0.0, 10.0, 100.0])))
        ),
        golden_answer=known(GoldenAnswer(draw(st.one_of(st.none(), versions)), draw(st.booleans()), 1.0, "g")),
        traffic=known(Traffic({draw(versions): draw(st.floats(0, 10))})),
    )


def has_earned_ok(facts: ServiceFacts) -> bool:
    """Said in other words than the code: somebody entitled answered rightly, lately, and what is intended is known."""
    answer, alias = facts.golden_answer, facts.alias
    if answer.at is None or answer.value is None or alias.at is None or alias.value is None:
        return False
    lately = NOW_S - answer.at.mono_s <= 2 * POLL_S and NOW_S - alias.at.mono_s <= 3 * POLL_S
    route = facts.route.value
    entitled = {alias.value.version}
    if route is not None and route.stable == alias.value.version:
        entitled.add(route.canary)
    return lately and answer.value.right and answer.value.version is not None and answer.value.version in entitled


@given(any_facts())
def test_ok_is_always_earned(facts: ServiceFacts) -> None:
    if signal(facts).health is Health.OK:
        assert has_earned_ok(facts)


def test_twin_the_property_finds_an_answer_of_any_age_taken_for_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the guard on age the property above must fail."""
    monkeypatch.setattr(presence.Moment, "freshness", lambda self, at: Freshness.FRESH if at else Freshness.UNKNOWN)
    old = replace(good(), golden_answer=Known(GoldenAnswer("3", True, 14.0, "g1"), ago(48)))
    assert signal(old).health is Health.OK
    assert not has_earned_ok(old)


@given(st.lists(st.tuples(st.integers(0, 20), st.booleans()), min_size=1))
def test_late_answers_never_overwrite_newer_ones(answers: list[tuple[int, bool]]) -> None:
    known: Known[int] = Known()
    for seq, is_answer in answers:
        at = Stamp(0.0, float(seq), seq)
        known = known.answered(seq, at) if is_answer else known.missed(Problem("no"), at)
    newest = max(seq for seq, _ in answers)
    assert max(at.seq for at in (known.at, known.failed_at) if at is not None) == newest
    if known.at is not None:
        assert known.value == known.at.seq


def test_what_is_stuck_says_why_where_and_what_to_do() -> None:
    stuck = Replica("triton", "3", ReplicaState.LOADING, "out of memory on GPU 0", ago(90))
    facts = replace(good(), replicas={"triton": Known((stuck,), ago(1))}, golden_answer=answered_by("2"))
    said = signal(facts).detail
    assert "on triton" in said
    assert "The server says: out of memory on GPU 0." in said
    assert "roll back (R)" in said
    silent = replace(facts, replicas={"triton": Known((replace(stuck, reason=""),), ago(1))})
    assert "gives no reason" in signal(silent).detail


def test_counters_are_a_proxy_that_never_makes_presence_ok() -> None:
    found = join(good(), NOW, "this service has no golden set").signal
    assert found.health is Health.UNKNOWN
    assert "As a proxy only: counters say that v3 answers 8.0 a second." in found.detail
    old = replace(good(), traffic=Known(Traffic({"3": 8.0}), ago(60)))
    assert "proxy" not in join(old, NOW, "this service has no golden set").signal.detail


def failing(code: str = "not-found", began_s: float = 300.0) -> Known[GoldenAnswer]:
    """Each question of the last five minutes was answered with an error; the newest a second ago."""
    return replace(
        answered_by("3"),
        at=ago(began_s),
        failed=Problem("The version is not ready (400).", code=code),
        failed_at=ago(1),
    )


@pytest.mark.parametrize("code", ["server-failed", "rejected", "not-found"])
def test_errors_stay_critical_for_as_long_as_they_are_what_callers_get(code: str) -> None:
    """After three polls it read "silent 300 s" and unknown: the alert of what is surely wrong never fired."""
    found = signal(replace(good(), golden_answer=failing(code)))
    assert (found.health, found.text, found.freshness) == (Health.CRITICAL, "answers with an error", Freshness.FRESH)
    never = Known(None, None, Problem("It failed (500).", code=code), ago(1))
    assert signal(replace(good(), golden_answer=never)).health is Health.CRITICAL


def test_twin_an_error_of_long_ago_is_silence() -> None:
    old = replace(failing(), failed_at=ago(60))
    assert (signal(replace(good(), golden_answer=old)).health, signal(replace(good(), golden_answer=old)).text) == (
        Health.UNKNOWN,
        "silent 300 s",
    )
    assert signal(replace(good(), golden_answer=failing("timeout"))).text == "silent 300 s"


def test_what_is_stuck_is_told_also_when_nothing_else_answers() -> None:
    """The first version of a service, or the only one: the proxy answers 404 while it loads for ever."""
    stuck = Replica("triton", "3", ReplicaState.LOADING, "out of memory on GPU 0", ago(90))
    facts = replace(good(), replicas={"triton": Known((stuck,), ago(1))}, golden_answer=failing())
    found = signal(facts)
    assert (found.health, found.text) == (Health.CRITICAL, "v3 stuck loading")
    assert "The version is not ready (400). v3 has been loading for 90 s on triton." in found.detail
    assert "out of memory on GPU 0." in found.detail
    assert "roll back (R)" in found.detail
    loading = replace(facts, replicas={"triton": Known((replace(stuck, since=ago(5)),), ago(1))})
    assert (signal(loading).text, signal(loading).health) == ("answers with an error", Health.CRITICAL)
    assert "v3 is being loaded." in signal(loading).detail
    refused = Replica("triton", "3", ReplicaState.UNAVAILABLE, "weights shape (3,) does not match config dims [4]")
    gone = replace(facts, replicas={"triton": Known((refused,), ago(1))})
    assert "No endpoint has v3 loaded. weights shape (3,)" in signal(gone).detail


def test_what_is_stuck_on_one_of_two_endpoints_is_told_with_its_reason() -> None:
    stuck = Replica("b", "3", ReplicaState.LOADING, "out of memory on GPU 0", ago(900))
    found = signal(replace(good(), replicas={"a": replicas("3"), "b": Known((stuck,), ago(1))}))
    assert (found.health, found.text) == (Health.WARNING, "partial 1 of 2 (not on b)")
    assert "v3 has been loading for 900 s on b. The server says: out of memory on GPU 0." in found.detail
    failed = replace(stuck, state=ReplicaState.UNAVAILABLE, reason="no space left")
    found = signal(replace(good(), replicas={"a": replicas("3"), "b": Known((failed,), ago(1))}))
    assert "b says: no space left." in found.detail


@pytest.mark.parametrize("age_s", [None, 600.0])
def test_where_endpoints_have_not_spoken_it_is_not_said_that_none_has_it(age_s: float | None) -> None:
    """Another version answers, which is critical; that v3 is nowhere, or stuck, was an answer of ten minutes ago or none at all."""
    rows = (Replica("triton", "3", ReplicaState.LOADING, since=ago(700)),)
    silent: Known[tuple[Replica, ...]] = Known(rows, ago(age_s)) if age_s is not None else Known(failed=Problem("no"))
    for endpoints in ({"triton": silent}, {"triton": silent, "b": replicas("2")}, {}):
        found = signal(replace(good(), replicas=endpoints, golden_answer=answered_by("2")))
        assert (found.health, found.text) == (Health.CRITICAL, "version differs"), endpoints


def test_without_counters_it_is_not_said_that_nobody_asks() -> None:
    used = join(replace(good(), traffic=Known(Traffic({}), ago(1))), NOW).used
    assert (used.versions, used.freshness) == ((), Freshness.UNKNOWN)
    assert used.detail == "no source counts this service's answers"
    assert join(replace(good(), traffic=Known(Traffic({"3": 0.0}), ago(1))), NOW).used.detail == "nobody asks"


def test_where_nothing_is_counted_the_load_of_the_server_is_a_weak_proxy_and_no_more() -> None:
    facts = replace(good(), traffic=Known(Traffic({}, cpu_share=0.34, memory_bytes=2.1e9), ago(1)))
    found = join(facts, NOW, "this service has no golden set").signal
    assert found.health is Health.UNKNOWN
    assert "As a weak proxy only: its server uses 34 % of its CPU and 2.1 GB of memory; whether" in found.detail
    idle = replace(facts, traffic=Known(Traffic({"3": 0.0}, cpu_share=0.34), ago(1)))
    said = join(idle, NOW, "no golden set").signal.detail
    assert "34 % of its CPU; whether" in said
    assert said.endswith("Its counters say that nobody asks.")
    old = replace(facts, traffic=Known(facts.traffic.value, ago(60)))
    assert "proxy" not in join(old, NOW, "no golden set").signal.detail
    assert "proxy" not in join(replace(good(), traffic=Known(Traffic({}), ago(1))), NOW, "no golden set").signal.detail
