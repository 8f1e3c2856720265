"""What the running world adds to a check of two versions: the callers' data beside the training data, ages, drills.

Freezes, approvals and quarantine are not told here: a plan is guarded by them itself, at the moment it is carried out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from mlcontrol.core.compatibility.facts import DataFacts, OperationFacts
from mlcontrol.core.logged_value import is_number
from mlcontrol.core.pipeline import EVALUATING
from mlcontrol.core.quality.generations import SLICE_MARK
from mlcontrol.core.settings import ServiceSettings
from mlcontrol.core.signature import Signature
from mlcontrol.core.types import Health
from mlcontrol.ports.predictions import LoggedPrediction
from mlcontrol.services.context import ServiceContext
from mlcontrol.services.sudden_data import logged

_DAY_S = 86_400.0
ENOUGH_FOR_SHARES = 300
"""Requests of which a share is known to three hundredths: a tenth of difference is none of chance."""


def data_facts(
    service: ServiceSettings, candidate: Signature, current: Signature, rows: Sequence[LoggedPrediction]
) -> DataFacts | None:
    """``rows``: recent requests. A feature counts as different where the data watch would say so, were ``candidate`` the version
    that serves; slices, where a version says which ones it was trained on. `None` where there is nothing to compare."""
    if not rows:
        return None
    # A log may be cut by more than a model's metadata speaks of: only what it does speak of can be missing from it. A bare name
    # ("region") says by what the training data can be cut, and nothing of its values.
    stated = (*(candidate.slices or ()), *(current.slices or ()))
    spoken_of = {name for name, equals, _ in (one.partition("=") for one in stated) if equals}
    sent = Counter(f"{name}={value}" for row in rows for name, value in row.slices.items())
    asked = frozenset(one for one in sent if one.partition("=")[0] in spoken_of)
    tested = tested_slices(candidate.metrics)
    by = {one.partition("=")[0] for one in tested}
    return DataFacts(
        distances=_distances(service, candidate, rows),
        serving_slices=asked or None,
        slice_shares=_shares(candidate, sent),
        untested_slices=tuple(sorted(one for one in sent if one.partition("=")[0] in by and one not in tested)),
    )


def tested_slices(metrics: Mapping[str, float]) -> frozenset[str]:
    """``{"test_accuracy/region:south": 0.9}``: "region=south"."""
    parts = (name.partition(SLICE_MARK) for name in metrics if name.casefold().startswith(EVALUATING))
    return frozenset(part.replace(":", "=", 1) for _, mark, part in parts if mark and ":" in part)


def _shares(candidate: Signature, sent: Mapping[str, int]) -> dict[str, tuple[float, float]]:
    """Of training and of what callers send now, by slice: told of the slices themselves, else of the feature of that name."""
    told = dict(candidate.slice_shares)
    for name, statistics in candidate.statistics.items():
        categories = statistics.get("categories") if isinstance(statistics, Mapping) else None
        if isinstance(categories, Mapping) and not any(one.startswith(f"{name}=") for one in told):
            told |= {f"{name}={k}": float(v) for k, v in categories.items() if is_number(v)}
    totals: Counter[str] = Counter()
    for one, count in sent.items():
        totals[one.partition("=")[0]] += count
    return {
        one: (told.get(one, 0.0), sent.get(one, 0) / totals[name])
        for one in sorted({*told, *sent})
        if totals[name := one.partition("=")[0]] >= ENOUGH_FOR_SHARES and any(t.startswith(f"{name}=") for t in told)
    }


def _distances(
    service: ServiceSettings, candidate: Signature, rows: Sequence[LoggedPrediction]
) -> dict[str, tuple[float, float]]:
    """Effect and the least effect that counts, by feature, the worst of each."""
    from mlcontrol.core.signals.drift import Judged
    from mlcontrol.core.signals.training import against_training

    if not candidate.statistics:
        return {}
    found: dict[str, tuple[float, float]] = {}
    for one in against_training(candidate.statistics, logged(rows, service, ())):
        if one.judged is Judged.DRIFT and (one.effect or 0.0) > found.get(one.column, (0.0, 0.0))[0]:
            found[one.column] = one.effect or 0.0, one.least or 0.0
    return found


def operation_facts(ctx: ServiceContext, service: ServiceSettings, target: Signature) -> OperationFacts:
    """``target``: the version that one would come back to."""
    now_s = ctx.clock.utc_s()
    drilled_s = ctx.store.drills.last_passed_s(service.id)
    most_days = service.objectives.get("max_age_days")
    state = ctx.state().services.get(service.id)
    drifts = state is not None and state.data.health in (Health.WARNING, Health.CRITICAL)
    return OperationFacts(
        drill_age_days=None if drilled_s is None else (now_s - drilled_s) / _DAY_S,
        target_age_s=None if target.created_s is None else now_s - target.created_s,
        freshness_slo_s=None if most_days is None else most_days * _DAY_S,
        drift_since=state.data.text if drifts and state is not None else "",
    )
