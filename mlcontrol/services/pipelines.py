"""How the version that answers was made, asked of its registry and of a store of lineage when somebody looks."""

from __future__ import annotations

from mlcontrol.core.pipeline import Lineage, Pipeline, combined, pipeline
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.settings import ServiceSettings
from mlcontrol.core.types import VersionSummary
from mlcontrol.services.context import ServiceContext
from mlcontrol.services.live import service_settings


class PipelineDesk:
    """*Thread:* any."""

    def __init__(self, ctx: ServiceContext) -> None:
        self._ctx = ctx

    def of(self, service: str, version: str | None = None) -> Pipeline:
        """``version`` `None`: the one that answers, else the intended one. Raises `ProblemError` where there is no registry, or it
        does not answer."""
        settings = service_settings(self._ctx, service)
        if not settings.registry:
            what = "How this service's model was made is not known."
            raise ProblemError(Problem(what, "It names no registry.", "Add one to the service.", "not-configured"))
        state = self._ctx.state().services.get(service)
        known = {v.version: v for v in state.versions} if state is not None else {}
        chosen = version or (state.used.single or state.intended.single if state is not None else None)
        if chosen is None or chosen not in known:
            what = "Which version answers is not known."
            raise ProblemError(Problem(what, next="Name one, or wait for the next poll.", code="unknown"))
        good = next(iter(self._ctx.store.knowledge.known_good(service)), None)
        mine, not_asked = self._lineage(settings, known[chosen])
        theirs: tuple[VersionSummary, Lineage] | None = None
        if good is not None and good[0] in known:
            theirs = (known[good[0]], mine if good[0] == chosen else self._lineage(settings, known[good[0]])[0])
        return pipeline(known[chosen], mine, good, theirs, not_asked)

    def _lineage(self, settings: ServiceSettings, version: VersionSummary) -> tuple[Lineage, str]:
        """What is told, and why the store of lineage did not; without it the registry's part is still shown."""
        told = self._ctx.registry(settings.registry).lineage(settings.model, version.version)
        if not settings.lineage:
            return told, ""
        try:
            return combined(told, self._ctx.lineage(settings.lineage).lineage(settings.model, version)), ""
        except ProblemError as error:
            return told, f"{error.problem.what} {error.problem.why}".rstrip()
