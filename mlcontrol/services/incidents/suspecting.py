"""The card of a suspected version: its rollout's judge record from the journal, its signature from the registry."""

from __future__ import annotations

from mlcontrol.core import journal
from mlcontrol.core.compatibility.difference import differences
from mlcontrol.core.compatibility.pairing import pair
from mlcontrol.core.incidents.suspect_facts import SuspectFacts, canary_of, signature_rows
from mlcontrol.core.operation import Operation, OperationKind, Phase
from mlcontrol.core.problem import ProblemError
from mlcontrol.services.context import ServiceContext
from mlcontrol.services.live import service_settings

LOOKED_BACK = 200  # operations
BROUGHT = (OperationKind.DEPLOY, OperationKind.ROLLBACK)


def suspect_facts(
    ctx: ServiceContext, service: str, version_from: str, version_to: str, operation: str | None
) -> SuspectFacts:
    """``operation``: the one that brought it, where the suspect names it. What cannot be read is said to be unknown."""
    canary = canary_of(_brought_by(ctx, service, version_to, operation))
    rows, note = _signature(ctx, service, version_from, version_to)
    return SuspectFacts(version_from, version_to, canary, rows, note)


def _brought_by(ctx: ServiceContext, service: str, version: str, operation: str | None) -> Operation | None:
    """The operation of that id, else the newest that gave this version the traffic."""
    audit = ctx.store.audit
    for name in [operation] if operation else reversed(audit.recent_operations(LOOKED_BACK)):
        found = journal.fold(audit.of_operation(name))
        if found is None or found.kind not in BROUGHT or (found.service, found.to_version) != (service, version):
            continue
        if operation or found.phase is Phase.DONE or not found.phase.ended:
            return found
    return None


def _signature(
    ctx: ServiceContext, service: str, version_from: str, version_to: str
) -> tuple[tuple[tuple[str, str, str], ...], str]:
    s = service_settings(ctx, service)
    if not s.registry:
        return (), "signatures not known: this service has no registry"
    try:
        registry = ctx.registry(s.registry)
        old, new = registry.signature(s.model, version_from), registry.signature(s.model, version_to)
    except ProblemError as error:
        return (), f"signatures not known: {error.problem.what}"
    inputs = pair(new.inputs, old.inputs, new.statistics, old.statistics)
    outputs = pair(new.outputs, old.outputs)
    unknown = [name for name, pairing in (("inputs", inputs), ("outputs", outputs)) if not pairing.known]
    rows = signature_rows(differences(inputs), differences(outputs))
    if unknown:
        return rows, f"{' and '.join(unknown)} not known: a version does not state them"
    return rows, "" if rows else "same inputs and outputs"
