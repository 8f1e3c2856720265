"""One question put to the rules: a candidate, the version used now, their reader, and everything else that is known."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from mlcontrol.core.compatibility.facts import (
    ArtifactFacts,
    Binary,
    Consumers,
    DataFacts,
    GoldenFacts,
    OperationFacts,
    ProbeFacts,
    QualityFacts,
)
from mlcontrol.core.compatibility.observed import Observed
from mlcontrol.core.compatibility.pairing import Pairing
from mlcontrol.core.compatibility.policy import Limits
from mlcontrol.core.compatibility.reader import Reader
from mlcontrol.core.compatibility.report import Level, Verdict
from mlcontrol.core.signature import Signature


@dataclass(frozen=True, slots=True)
class VersionFacts:
    """What is known of one version besides its signature; `None` = nobody looked."""

    artifact: ArtifactFacts | None = None
    probe: ProbeFacts | None = None
    golden: GoldenFacts | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """``binary``: where the candidate would run; ``previous_binary``: what ran before it, if the release changes it."""

    candidate: Signature
    current: Signature
    reader: Reader
    inputs: Pairing
    outputs: Pairing
    observed: Observed | None = None
    consumers: Consumers | None = None
    binary: Binary | None = None
    previous_binary: Binary | None = None
    new: VersionFacts = field(default_factory=VersionFacts)
    old: VersionFacts = field(default_factory=VersionFacts)
    data: DataFacts | None = None
    quality: QualityFacts | None = None
    operation: OperationFacts | None = None
    limits: Limits = field(default_factory=Limits)
    has_current: bool = True

    @property
    def new_label(self) -> str:
        return label(self.candidate)

    @property
    def old_label(self) -> str:
        return label(self.current) if label(self.current) != label(self.candidate) else "the version used now"

    @property
    def extras_rejected(self) -> tuple[bool, bool]:
        """(by the candidate, by the current version): does the reader refuse fields it does not know?"""
        return (
            (self.candidate.extras or self.reader.extras) == "reject",
            (self.current.extras or self.reader.extras) == "reject",
        )

    def inferred(self) -> frozenset[str]:
        """The subjects that were read from the artifacts themselves on every side that has them: a comparison is known no better
        than its weaker side."""
        sides = (self.candidate, self.current) if self.has_current else (self.candidate,)
        found = frozenset[str]().union(*(side.inferred for side in sides))
        for side in sides:
            has = _stated(side)
            found = frozenset(one for one in found if one in side.inferred or (has is not None and one not in has))
        return found

    @property
    def inputs_differ(self) -> bool:
        """Is there anything in which reading could differ?"""
        return self.has_current and (
            bool(self.inputs.renamed or self.inputs.aliased or self.inputs.added or self.inputs.removed)
            or self.inputs.candidate_order != self.inputs.current_order
            or any(new != old for new, old in self.inputs.same)
        )

    @property
    def by_position(self) -> bool:
        return "position" in (self.candidate.matched_by, self.current.matched_by, self.reader.matched_by)


def _stated(signature: Signature) -> frozenset[str] | None:
    """The subjects a side has; `None` when it does not state its inputs or outputs."""
    if signature.inputs is None or signature.outputs is None:
        return None
    named = (("inputs", signature.inputs), ("outputs", signature.outputs))
    return frozenset({"runtime"} | {f"{where}.{f.name}" for where, fields in named for f in fields})


def label(signature: Signature) -> str:
    """ "v3", or the model's name where there is no version."""
    version = signature.version
    if not version:
        return signature.name
    return f"v{version}" if version[0].isdigit() else version


@dataclass(frozen=True, slots=True)
class Ruling:
    """One direction's verdict; empty ``why`` and ``remedy`` mean the rule's own text."""

    verdict: Verdict
    why: str = ""
    remedy: str = ""
    level: Level = Level.DECLARED
    one_way: bool = False


@dataclass(frozen=True, slots=True)
class Hit:
    """A rule that has something to say of one subject. `None` for a direction it does not concern."""

    subject: str
    title: str
    deploy: Ruling | None = None
    rollback: Ruling | None = None
    candidate: str = ""
    current: str = ""


Check = Callable[[Case], Iterable[Hit]]

PASS = Ruling(Verdict.PASS)
INFO = Ruling(Verdict.INFO)
WARN = Ruling(Verdict.WARN)
BLOCK = Ruling(Verdict.BLOCK)
UNKNOWN = Ruling(Verdict.UNKNOWN, level=Level.NONE)


def ruling(verdict: Verdict, why: str = "", remedy: str = "", level: Level = Level.DECLARED) -> Ruling:
    return Ruling(verdict, why, remedy, level)
