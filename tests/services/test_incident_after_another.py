"""An incident that begins a minute after another one of its service: what the other failed is not asked of it, nor told twice."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from mlcontrol.core.incidents.brief import Brief
from mlcontrol.core.incidents.incident import EntryKind
from mlcontrol.services import onsets
from mlcontrol.services.incidents import briefing as briefings
from mlcontrol.services.incidents.briefing import Briefing
from mlcontrol.services.incidents.keeping import Incidents
from tests.services.burning_world import Burning
from tests.services.rollout_world import World

BURNED_S = 50.0


@dataclass
class Burned(Burning):
    """Two minutes ago a fifth of the answers failed, for fifty seconds; ``smoulders``: what has failed since."""

    smoulders: float = 0.0

    def record(self, since_s: float, until_s: float, failing: float) -> None:
        super().record(since_s, self.began_s + BURNED_S, failing)
        super().record(self.began_s + BURNED_S, until_s, self.smoulders)


def ended(ctx: Burned, service: str = "digits") -> None:
    """The incident of what burned: proven to be over, and closed."""
    began_s = ctx.began_s
    data = {"service": service, "environment": "prod", "number": "1", "detected_s": repr(began_s + 8)}
    for seq, (after_s, kind, more) in enumerate(
        [(10, EntryKind.DECLARED, data), (60, EntryKind.VERIFIED, {}), (65, EntryKind.RESOLVED, {})], start=1
    ):
        assert ctx.store.incidents.append("incident-1", seq, began_s + after_s, "ann", kind, "errors", more)


@pytest.fixture(params=[0.0, 0.3])
def smoulders(request: pytest.FixtureRequest) -> float:
    return float(request.param)


@pytest.fixture
def ctx(tmp_path: Path, smoulders: float) -> Iterator[Burned]:
    made = Burned(World(stable="2", alias="2"), tmp_path, smoulders=smoulders)
    yield made
    made.store.close()


def second(ctx: Burned, detected_s: float) -> Brief:
    """Declared now of what was noticed then, and said to be over at once."""
    incidents = Incidents(ctx)
    one = incidents.declare("digits", "ann", detected_s=detected_s)
    incidents.write(one.id, EntryKind.RECOVERY_CHECKED, "the counters are back", "ann")
    time.sleep(0.01)
    now_s = time.time()
    Burning.record(ctx, now_s, now_s + 0.001, ctx.smoulders)
    return Briefing(ctx, incidents, lambda: None).brief(one.id)


def asked(brief: Brief) -> str:
    (tick,) = [tick for tick in brief.ticks if tick.id == "errors"]
    return tick.evidence


@pytest.mark.parametrize("smoulders", [0.0], indirect=True)
@pytest.mark.parametrize("whose", ["digits", "churn"])
def test_where_nothing_fails_any_more_it_is_proven_that_nothing_does(ctx: Burned, whose: str) -> None:
    """``whose``: of this service, or of another in the same environment, whose cause hurt both."""
    ended(ctx, whose)
    brief = second(ctx, time.time() - 20)
    assert "must be under 5 %, and no more than 1 % of these" in asked(brief)
    assert brief.onset is None or brief.onset.signal != "errors"
    assert brief.impact.failed == 0.0


@pytest.mark.parametrize("smoulders", [0.0], indirect=True)
def test_twin_it_would_be_held_to_half_of_what_the_other_failed(ctx: Burned, monkeypatch: pytest.MonkeyPatch) -> None:
    ended(ctx)
    monkeypatch.setattr(briefings, "told_by_others", lambda *_: ())
    brief = second(ctx, time.time() - 20)
    assert "must be under 5 %" not in asked(brief)
    assert brief.onset is not None
    assert brief.onset.signal == "errors"
    assert brief.impact.failed


@pytest.mark.parametrize("smoulders", [0.3], indirect=True)
def test_what_burns_on_after_the_other_was_closed_is_held_to_half_of_it(ctx: Burned) -> None:
    ended(ctx)
    brief = second(ctx, time.time() - 20)
    assert "must be under 15" in asked(brief)
    assert brief.onset is not None
    assert brief.onset.signal == "errors", "it is not over, whatever was said of it"
    assert brief.impact.failed


@pytest.mark.parametrize("smoulders", [0.0], indirect=True)
def test_twin_the_beginning_would_be_that_of_the_other(ctx: Burned, monkeypatch: pytest.MonkeyPatch) -> None:
    ended(ctx)
    monkeypatch.setattr(onsets, "_over", lambda *_: False)
    brief = second(ctx, time.time() - 20)
    assert brief.onset is not None
    assert brief.onset.signal == "errors"
