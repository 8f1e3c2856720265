"""Signatures by reference, `mlflow:CONNECTION/model/3`, `mlflow:CONNECTION/model@alias` and `service:NAME`, without an engine."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mlcontrol.core.compatibility.policy import Policy
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.settings import ServiceSettings, policy_for
from mlcontrol.core.signature import Signature
from mlcontrol.core.types import ReplicaState
from mlcontrol.engine.wiring import adapters_of

_REGISTRY = re.compile(r"mlflow:(?P<connection>[^/]+)/(?P<model>.+?)(?:/(?P<version>[^/@]+)|@(?P<alias>[^/@]+))")


def resolve(reference: str, workspace: Path) -> tuple[Signature, str | None]:
    """The signature, and for a service the name of the reader that serves it. Raises `ProblemError`."""
    settings, make = adapters_of(workspace)
    open_adapters: dict[str, Any] = {}

    def adapter(name: str) -> Any:
        if name not in settings.connections:
            raise _missing(f"The workspace has no connection {name}.", tuple(settings.connections))
        if name not in open_adapters:
            open_adapters[name] = make(settings.connections[name])
        return open_adapters[name]

    try:
        if reference.startswith("service:"):
            name = reference.removeprefix("service:")
            if name not in settings.services:
                raise _missing(f"The workspace has no service {name}.", tuple(settings.services))
            return _of_service(settings.services[name], adapter)
        match = _REGISTRY.fullmatch(reference)
        if match is None:
            what = f"{reference} is no reference to a version."
            raise ProblemError(
                Problem(what, "", "Write mlflow:CONNECTION/model/3 or mlflow:CONNECTION/model@alias.", code="usage")
            )
        registry, model, version = adapter(match["connection"]), match["model"], match["version"]
        if version is None:
            version = registry.resolve_alias(model, match["alias"])
            if version is None:
                raise _missing(f"{model} has no alias {match['alias']}.", tuple(registry.model(model).aliases))
        return registry.signature(model, version), None
    finally:
        for one in open_adapters.values():
            one.close()


def policy_of_workspace(workspace: Path, service: str | None) -> Policy:
    """The workspace's policy as it holds for the environment of ``service`` (`None`: of the workspace)."""
    settings, _ = adapters_of(workspace)
    known = settings.services.get(service) if service is not None else None
    return policy_for(settings, known)


def _of_service(service: ServiceSettings, adapter: Any) -> tuple[Signature, str | None]:
    """What the route sends requests to, else the one version that is loaded, as its registry describes it."""
    serving = adapter(service.serving[0]) if service.serving else None
    reader = serving.capabilities.reader.name if serving is not None else None
    version = adapter(service.routing).split(service.route).stable if service.routing else None
    if version is None and serving is not None:
        ready = [r.version for r in serving.replicas(service.serving_model) if r.state is ReplicaState.READY]
        version = ready[0] if len(ready) == 1 else None
    if version is not None and service.registry:
        return adapter(service.registry).signature(service.model, version), reader
    if serving is not None:
        return serving.signature(service.serving_model, version), reader
    raise _missing(f"Nobody can say what {service.id} serves.", ())


def _missing(what: str, known: tuple[str, ...]) -> ProblemError:
    return ProblemError(Problem(what, "", f"Known are: {', '.join(sorted(known))}." if known else "", code="not-found"))
