"""What a version was made of, stage by stage: as far as its pipeline left word of it. What it did not say is unknown."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from mlcontrol.core.types import VersionSummary

StageName = Literal["snapshot", "transform", "train", "evaluate", "register"]
STAGES: tuple[StageName, ...] = ("snapshot", "transform", "train", "evaluate", "register")
EVALUATING = ("test", "val", "eval", "golden")
SNAPSHOT_TAGS = ("data_snapshot", "dataset_digest", "data_version")


@dataclass(frozen=True, slots=True)
class Dataset:
    """``context``: what it was used for ("training", "validation"), empty where nobody said. ``digest``, ``source``: as told.
    ``kept_by``: the store whose digest it is, empty for the registry's; digests of different stores say nothing to each other."""

    name: str
    digest: str = ""
    context: str = ""
    source: str = ""
    kept_by: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One recorded execution beside the training itself, such as a transform."""

    name: str
    at_s: float | None = None
    until_s: float | None = None
    digest: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Lineage:
    """What a registry knows of how a version came to be. Times are UTC seconds; `None` and empty: not told."""

    run: str = ""
    began_s: float | None = None
    ended_s: float | None = None
    status: str = ""
    datasets: tuple[Dataset, ...] = ()
    commit: str = ""
    evaluated_s: float | None = None
    evaluated: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    source: str = ""


@dataclass(frozen=True, slots=True)
class Stage:
    """``known`` False: nothing was left of it, and ``detail`` says what would tell."""

    name: StageName
    known: bool
    at_s: float | None = None
    until_s: float | None = None
    digest: str = ""
    detail: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """``known_good``: the last version that was good in production, since when it is known as such, and whether it was made of the
    same data snapshot (`None`: nobody can tell). ``not_asked``: why a further store did not tell, empty where all did."""

    version: str
    stages: tuple[Stage, ...]
    known_good: str | None = None
    known_good_s: float | None = None
    good_snapshot: str = ""
    same_snapshot: bool | None = None
    not_asked: str = ""


def pipeline(
    version: VersionSummary,
    lineage: Lineage,
    good: tuple[str, float] | None,
    good_lineage: tuple[VersionSummary, Lineage] | None,
    not_asked: str = "",
) -> Pipeline:
    """``good``: the last known-good version and when it became that; ``good_lineage``: what is known of how that one was made."""
    mine = snapshot_of(version, lineage)
    theirs = snapshot_of(*good_lineage) if good_lineage is not None else ""
    comparable = good_lineage is not None and _keeper(lineage) == _keeper(good_lineage[1])
    return Pipeline(
        version.version,
        (
            _snapshot(version, lineage),
            _transform(lineage),
            _train(lineage),
            _evaluate(lineage),
            _register(version),
        ),
        good[0] if good is not None else None,
        good[1] if good is not None else None,
        theirs,
        mine == theirs if mine and theirs and comparable else None,
        not_asked,
    )


def combined(registry: Lineage, store: Lineage) -> Lineage:
    """What the registry and a store of lineage tell together; of what both tell, the run is the registry's, the data the store's:
    it has followed them from where they came in."""
    run = registry if registry.run else store
    moments = [one.evaluated_s for one in (registry, store) if one.evaluated_s is not None]
    return replace(
        run,
        commit=run.commit or store.commit,
        datasets=store.datasets or registry.datasets,
        steps=store.steps or registry.steps,
        evaluated=tuple(dict.fromkeys((*registry.evaluated, *store.evaluated))),
        evaluated_s=max(moments, default=None),
        source=" and ".join(one.source for one in (registry, store) if one.source),
    )


def _keeper(lineage: Lineage) -> str:
    training = _training(lineage)
    return training.kept_by if training is not None and training.digest else ""


def snapshot_of(version: VersionSummary, lineage: Lineage) -> str:
    """Digest of the training data, else the name that a tag of the version gives it; empty where neither is told."""
    training = _training(lineage)
    if training is not None and training.digest:
        return training.digest
    return next((version.tags[tag] for tag in SNAPSHOT_TAGS if version.tags.get(tag)), "")


def _training(lineage: Lineage) -> Dataset | None:
    """The dataset that was trained on: one that says so, else the only one."""
    said = [one for one in lineage.datasets if one.context.casefold().startswith("train")]
    return said[0] if said else lineage.datasets[0] if len(lineage.datasets) == 1 else None


def _snapshot(version: VersionSummary, lineage: Lineage) -> Stage:
    training = _training(lineage)
    if training is not None:
        others = [f"{one.name} ({one.context or 'use not said'})" for one in lineage.datasets if one != training]
        beside = f"; also {', '.join(others)}" if others else ""
        rows = f", {version.tags['dataset_rows']} rows" if version.tags.get("dataset_rows") else ""
        detail = f"{training.name}{rows}{beside}"
        return Stage("snapshot", True, digest=training.digest, detail=detail, source=training.source or lineage.source)
    if lineage.datasets:
        names = ", ".join(one.name for one in lineage.datasets[:4])
        return Stage("snapshot", False, detail=f"{names}: none is said to be the training data", source=lineage.source)
    tag = next((tag for tag in SNAPSHOT_TAGS if version.tags.get(tag)), "")
    if tag:
        rows = f", {version.tags['dataset_rows']} rows" if version.tags.get("dataset_rows") else ""
        return Stage("snapshot", True, digest=version.tags[tag], detail=f"name only{rows}", source=f"tag {tag}")
    return Stage("snapshot", False, detail="log the dataset as an input of the run")


def _transform(lineage: Lineage) -> Stage:
    if not lineage.steps:
        return Stage("transform", False, detail="no step recorded")
    last = lineage.steps[-1]
    names = ", ".join(step.name for step in lineage.steps)
    return Stage("transform", True, last.at_s, last.until_s, last.digest, names, last.source)


def _train(lineage: Lineage) -> Stage:
    if not lineage.run:
        return Stage("train", False, detail="the version names no run, or the run is gone")
    ended = "" if lineage.status in ("", "FINISHED") else f"; its run is {lineage.status.lower()}"
    commit = f"commit {lineage.commit[:10]}" if lineage.commit else "commit not told"
    return Stage(
        "train",
        True,
        lineage.began_s,
        lineage.ended_s,
        lineage.commit[:10],
        f"{commit}{ended}",
        f"run {lineage.run[:8]}",
    )


def _evaluate(lineage: Lineage) -> Stage:
    if not lineage.evaluated:
        return Stage("evaluate", False, detail="the run holds no test or validation figure")
    return Stage("evaluate", True, lineage.evaluated_s, None, "", ", ".join(lineage.evaluated[:4]), lineage.source)


def _register(version: VersionSummary) -> Stage:
    digest = version.digest or ""
    detail = f"status {version.status.lower()}" if version.status else ""
    aliases = f"alias {', '.join(version.aliases)}" if version.aliases else ""
    words = ", ".join(part for part in (aliases, detail) if part)
    return Stage("register", version.created_s is not None, version.created_s, None, digest, words, "registry")
