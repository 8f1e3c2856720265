"""Where nothing outside the store says how far the audit log had come, the log itself says since when something does."""

from __future__ import annotations

import shutil
from pathlib import Path

from mlcontrol.core.types import Health
from mlcontrol.services.audit import AuditQueries
from mlcontrol.services.checkpoints import Checkpoints
from tests.services.rollout_world import Context, World


class NoSigner:
    """Stands for a key that nobody asked for yet."""

    public_key = ""


def started(place: Path) -> Context:
    """An engine that begins on this store, as far as its audit log goes."""
    ctx = Context(World(), place)
    checkpoints = Checkpoints(ctx, NoSigner())  # type: ignore[arg-type]
    checkpoints.start = lambda verify: None  # type: ignore[method-assign]
    AuditQueries(ctx, checkpoints).announce()
    return ctx


def actions(ctx: Context) -> list[str]:
    return [row.action for row in ctx.store.audit.all()]


def test_a_store_whose_head_is_gone_says_so_in_its_own_log(tmp_path: Path) -> None:
    first = started(tmp_path)
    assert actions(first) == [], "a new store has lost nothing"
    for n in range(3):
        first.store.audit.append("ann", "note.added", {"n": n})
    first.store.close()
    again = started(tmp_path)
    assert len(actions(again)) == 3, "its head is there"
    again.store.close()

    shutil.rmtree(tmp_path / "heads")
    after = started(tmp_path)
    assert actions(after)[3:] == ["audit.head-begun"]
    told = [fact for fact in after.events if fact.title.startswith("Nothing outside the store")]
    assert [fact.severity for fact in told] == [Health.UNKNOWN]
    assert after.store.audit.verify().ok
    after.store.close()


def test_who_may_only_look_writes_nothing(tmp_path: Path) -> None:
    first = started(tmp_path)
    first.store.audit.append("ann", "note.added", {})
    first.store.close()
    shutil.rmtree(tmp_path / "heads")
    ctx = Context(World(), tmp_path)
    ctx.view_only = "another engine writes"
    checkpoints = Checkpoints(ctx, NoSigner())  # type: ignore[arg-type]
    AuditQueries(ctx, checkpoints).announce()
    assert len(actions(ctx)) == 1
    verdict = ctx.store.audit.verify()
    assert (verdict.ok, verdict.first_bad) == (False, None)
    ctx.store.close()
