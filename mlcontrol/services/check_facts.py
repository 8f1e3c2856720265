"""What the running world adds to a check of two versions: the callers' data beside the training data, ages, drills.

Freezes, approvals and quarantine are not told here: a plan is guarded by them itself, at the moment it is carried out.
"""

from __future__ import annotations

from collections.abc import Sequence

from mlcontrol.core.compatibility.facts import DataFacts, OperationFacts
from mlcontrol.core.settings import ServiceSettings
from mlcontrol.core.signature import Signature
from mlcontrol.core.types import Health
from mlcontrol.ports.predictions import LoggedPrediction
from mlcontrol.services.context import ServiceContext
from mlcontrol.services.sudden_data import logged

_DAY_S = 86_400.0


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
    asked = {f"{name}={value}" for row in rows for name, value in row.slices.items() if name in spoken_of}
    return DataFacts(distances=_distances(service, candidate, rows), serving_slices=frozenset(asked) if asked else None)


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
