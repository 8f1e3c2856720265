"""Asks registries: where the alias points (often), which versions there are (rarely, or when the alias has moved)."""

from __future__ import annotations

from dataclasses import replace

from mlcontrol.core.facts import Alias
from mlcontrol.core.settings import ServiceSettings
from mlcontrol.ports.errors import AdapterError, NotFound
from mlcontrol.services.asking import Asking, coded

VERSIONS_EVERY_S = 60.0


def ask_alias(asking: Asking, service: ServiceSettings, deadline_s: float = 4.0) -> None:
    with asking.of(service.registry) as question:
        try:
            model = asking.ctx.registry(service.registry).model(service.model, deadline_s)
        except NotFound:
            known = Alias(service.alias, None)
        except AdapterError as error:
            problem = coded(error)
            asking.note(service.id, lambda f: replace(f, alias=f.alias.missed(problem, question)))
            raise
        else:
            known = Alias(service.alias, model.aliases.get(service.alias))
        asking.note(service.id, lambda f: replace(f, alias=f.alias.answered(known, question)))


def ask_versions(asking: Asking, service: ServiceSettings, deadline_s: float = 8.0) -> None:
    with asking.of(service.registry) as question:
        try:
            versions = asking.ctx.registry(service.registry).versions(service.model, deadline_s)
        except NotFound:
            versions = ()
        except AdapterError as error:
            problem = coded(error)
            asking.note(service.id, lambda f: replace(f, versions=f.versions.missed(problem, question)))
            raise
        asking.note(service.id, lambda f: replace(f, versions=f.versions.answered(versions, question)))
