"""Compares the files that each endpoint serves with those that the registry has under the same version."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from mlcontrol.core.artifact import ArtifactMatch, RegisteredFiles, compare
from mlcontrol.core.facts import Known, ServiceFacts
from mlcontrol.core.problem import ProblemError
from mlcontrol.core.settings import ServiceSettings
from mlcontrol.core.types import ReplicaState
from mlcontrol.ports.errors import AdapterError
from mlcontrol.ports.registry import Registry
from mlcontrol.services.asking import Asking, coded

ARTIFACT_EVERY_S = 300.0
READ_AGAIN_S = 3600.0
"""So long what was read of a version in the registry is believed, while its files keep their names and sizes."""
CAP_BYTES = 2 * 1024**3
DEADLINE_S = 120.0
Matches = Known[tuple[ArtifactMatch, ...]]


def comparable(facts: ServiceFacts, connection: str) -> dict[str, str | None]:
    """What is ready there and registered: the recorded digest by version."""
    recorded = {v.version: v.digest for v in facts.versions.value or ()}
    replicas = facts.replicas.get(connection, Known()).value or ()
    ready = (r.version for r in replicas if r.state is ReplicaState.READY)
    return {version: recorded[version] for version in ready if version in recorded}


@dataclass(frozen=True, slots=True)
class _Read:
    at_s: float
    listing: tuple[tuple[str, int | None], ...]
    files: Mapping[str, str]


class ArtifactLook:
    """Of one service on one endpoint. *Thread:* one at a time.

    Of the registry nothing is read where the server has nothing to hold it against.
    """

    def __init__(self, asking: Asking, service: ServiceSettings, connection: str) -> None:
        self._asking = asking
        self._service = service
        self._connection = connection
        self._read: dict[str, _Read] = {}

    def look(self) -> None:
        ctx, service = self._asking.ctx, self._service
        question = ctx.clock.stamp()
        recorded = comparable(self._asking.book.facts(service.id), self._connection)
        for gone in set(self._read) - set(recorded):
            del self._read[gone]
        try:
            found = tuple(self._match(version, digest) for version, digest in recorded.items())
        except AdapterError as error:
            problem = coded(error)
            self._note(lambda known: known.missed(problem, question))
            raise
        if found:
            self._note(lambda known: known.answered(found, question))

    def _note(self, change: Callable[[Matches], Matches]) -> None:
        def with_it(facts: ServiceFacts) -> ServiceFacts:
            known = change(facts.artifacts.get(self._connection, Known()))
            return replace(facts, artifacts={**facts.artifacts, self._connection: known})

        self._asking.note(self._service.id, with_it)

    def _match(self, version: str, recorded: str | None) -> ArtifactMatch:
        ctx, service = self._asking.ctx, self._service
        served = ctx.serving(self._connection).served_files(service.serving_model, version, DEADLINE_S)
        if not served.files and not served.declared:
            return compare(version, self._connection, RegisteredFiles({}), served)
        try:
            files = self._registered(ctx.registry(service.registry), version)
        except ProblemError as error:
            return self._unknown(version, f"The registry's files cannot be read: {error.problem.what}")
        if files is None:
            return self._unknown(
                version, f"The registered files have more than {CAP_BYTES // 1024**3} GB, which is not read."
            )
        return compare(version, self._connection, RegisteredFiles(files, recorded), served)

    def _unknown(self, version: str, why: str) -> ArtifactMatch:
        return ArtifactMatch(version, self._connection, None, why=why)

    def _registered(self, registry: Registry, version: str) -> Mapping[str, str] | None:
        """By path; `None` where there is too much to read."""
        model = self._service.model
        listed = registry.artifacts(model, version)
        listing = tuple((file.path, file.size_bytes) for file in listed)
        known = self._read.get(version)
        if known is not None and known.listing == listing and time.monotonic() - known.at_s < READ_AGAIN_S:
            return known.files
        if sum(file.size_bytes or 0 for file in listed) > CAP_BYTES:
            return None
        files = registry.file_digests(model, version, DEADLINE_S)
        self._read[version] = _Read(time.monotonic(), listing, files)
        return files
