"""Who else keeps a target: what tags say, what was seen, and the words for it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from mlcontrol.core.owner import (
    RECENT_S,
    Owner,
    OwnerKind,
    PutBack,
    declared,
    owner_words,
    put_back_event,
    put_back_of,
    recent,
    returned,
    warning,
)
from mlcontrol.core.types import EventKind, TimelineEvent

NOW = 1_800_000_000.0
BACK = PutBack("alias", "3", "2", NOW - 100.0, NOW - 96.0)
PLACES = {"alias": "champion of digits in registry", "route": "route digits of router"}


@pytest.mark.parametrize(
    ("key", "value", "name", "kind"),
    [
        ("argocd.argoproj.io/instance", "fraud-prod", "Argo CD application fraud-prod", OwnerKind.KEEPER),
        ("managed_by", "terraform", "terraform", OwnerKind.KEEPER),
        ("Managed-By", "Flux", "Flux", OwnerKind.KEEPER),
        ("meta.helm.sh/release-name", "serving", "Helm release serving", OwnerKind.KEEPER),
        ("owner", "team fraud", "team fraud", OwnerKind.OWNER),
    ],
)
def test_what_is_written_names_the_keeper(key: str, value: str, name: str, kind: OwnerKind) -> None:
    (owner,) = declared({key: value, "stage": "prod"}, "champion", "tag")
    assert (owner.name, owner.kind, owner.place) == (name, kind, "champion")
    assert value in owner.evidence
    assert owner.undoes == (kind is OwnerKind.KEEPER)


@pytest.mark.parametrize("value", ["", "  ", "mlcontrol", "manual", "None"])
def test_the_panel_itself_and_nobody_are_no_other_hand(value: str) -> None:
    assert declared({"managed-by": value}, "champion", "tag") == ()


@given(
    st.sampled_from(["alias", "route", "load triton/a"]),
    st.text(max_size=5),
    st.floats(1e9, 3e9, allow_nan=False),
    st.floats(0.0, 900.0),
)
def test_what_was_told_is_read_back_from_the_timeline(what: str, version: str, wrote_s: float, after_s: float) -> None:
    back = PutBack(what.replace("/", "-"), version, "2", round(wrote_s, 3), wrote_s + after_s)
    assert put_back_of(put_back_event("a/b", back, 1)) == back


def test_another_event_is_no_put_back() -> None:
    event = TimelineEvent("alias-alias-digits-1", NOW, EventKind.ALIAS, "champion moved")
    assert put_back_of(event) is None
    assert put_back_of(replace(event, id="put-back/x/alias/soon")) is None


def test_once_is_another_hand_twice_is_a_sync() -> None:
    first = put_back_event("digits", BACK, 1)
    (once,) = returned([first], PLACES)
    assert (once.name, once.kind) == ("another hand", OwnerKind.RETURNED)
    assert "v3 was put back to v2 4 s after" in once.evidence
    second = put_back_event("digits", replace(BACK, wrote_s=NOW - 50, seen_s=NOW - 45), 2)
    (twice,) = returned([first, second], PLACES)
    assert twice.name == "an automatic sync, by what it does"
    assert "5 s after" in twice.evidence
    assert "2 times" in twice.evidence


def test_a_restart_is_named_as_the_other_cause_where_a_server_forgets() -> None:
    (route,) = returned([put_back_event("digits", replace(BACK, what="route"), 1)], PLACES)
    assert "restart" in route.evidence
    (alias,) = returned([put_back_event("digits", BACK, 1)], PLACES)
    assert "restart" not in alias.evidence


def test_a_target_that_is_written_no_more_is_not_told_of() -> None:
    assert returned([put_back_event("digits", replace(BACK, what="load gone"), 1)], PLACES) == ()


def test_changes_from_outside_count_for_an_hour_the_panels_own_never() -> None:
    event = TimelineEvent("x", NOW - 60, EventKind.ROUTE, "Traffic goes to v2", source="router")
    assert [one.kind for one in recent([event], NOW)] == [OwnerKind.RECENT]
    assert recent([replace(event, at_s=NOW - RECENT_S - 1)], NOW) == ()
    assert recent([replace(event, source="panel")], NOW) == ()
    assert recent([replace(event, operation="op")], NOW) == ()
    assert recent([put_back_event("digits", BACK, 1)], NOW) == ()  # `returned` tells of it


def test_the_words_never_say_that_nobody_keeps_it() -> None:
    assert owner_words(()) == "no owner found"
    assert owner_words((), ("registry: no answer",)) == "no owner found; not asked: registry: no answer"
    keeper = Owner("champion", "Argo CD", OwnerKind.KEEPER, "tag: argocd = x.")
    team = Owner("champion", "team fraud", OwnerKind.OWNER, "tag: owner = team fraud.")
    assert owner_words((team,)) == "team fraud (champion)"
    assert owner_words((team, keeper)) == "Argo CD (champion)"


def test_a_warning_names_the_owner_and_what_to_do() -> None:
    keeper = Owner("champion", "Argo CD", OwnerKind.KEEPER, "tag: argocd = x.")
    there, back = warning(keeper, False), warning(keeper, True)
    assert "champion is kept by Argo CD" in there
    assert "pause its sync" in there
    assert "The rollback goes on, but it may be undone." in back
