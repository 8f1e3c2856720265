"""Quality of each version on each kind of data: where train and test part, a generation is overfitted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mlcontrol.core.types import VersionSummary
from mlcontrol.gui.viewmodels.phrases import bytes_text, metric_text, version_text

KINDS = ("train", "validation", "test", "production")
PREFERRED = ("accuracy", "f1", "auc", "rmse", "mae")
LOWER_IS_BETTER = ("rmse", "mae", "loss")


@dataclass(frozen=True, slots=True)
class Generations:
    """``scores``: per kind, one value a version (`None`: not known). ``verdict``: the sentence about the newest."""

    metric: str
    versions: tuple[str, ...]
    scores: Mapping[str, tuple[float | None, ...]]
    verdict: str = ""
    tone: str = "secondary"
    current: str | None = None


def ordered(versions: Sequence[VersionSummary]) -> list[VersionSummary]:
    """Oldest first; numbers by value, names by time."""
    return sorted(
        versions, key=lambda v: (int(v.version) if v.version.isdigit() else 1 << 40, v.created_s or 0.0, v.version)
    )


def generations(
    versions: Sequence[VersionSummary], production: Mapping[str, float], current: str | None, shown: int = 8
) -> Generations | None:
    """``production``: measured quality by version. `None` when no version carries a metric per kind."""
    names = {
        name.split("_", 1)[1] for v in versions for name in v.metrics if name.split("_", 1)[0] in KINDS and "_" in name
    }
    if not names:
        return None
    metric = next((name for name in PREFERRED if name in names), min(names))
    newest = ordered(versions)[-shown:]
    scores = {kind: tuple(v.metrics.get(f"{kind}_{metric}") for v in newest) for kind in KINDS[:3]}
    scores["production"] = tuple(production.get(v.version) for v in newest)
    verdict, tone = _verdict(metric, newest, scores)
    return Generations(metric, tuple(v.version for v in newest), scores, verdict, tone, current)


def _verdict(
    metric: str, newest: Sequence[VersionSummary], scores: Mapping[str, tuple[float | None, ...]]
) -> tuple[str, str]:
    pairs = [
        (v.version, a, b)
        for v, a, b in zip(newest, scores["train"], scores["test"], strict=True)
        if a is not None and b is not None
    ]
    if len(pairs) < 2:
        return "Too few versions with train and test scores to compare generations.", "quiet"
    gaps = [abs(a - b) / max(abs(b), 1e-9) for _, a, b in pairs]
    usual = sorted(gaps[:-1])[len(gaps[:-1]) // 2]
    version, train, test = pairs[-1]
    words = f"{version_text(version)}: train {metric_text(train)}, test {metric_text(test)}"
    better_train = train < test if metric in LOWER_IS_BETTER else train > test
    if better_train and gaps[-1] > max(2 * usual, usual + 0.02):
        return (
            f"{words}. The gap is {gaps[-1] * 100:.1f} %, usually {usual * 100:.1f} %: it looks overfitted.",
            "warning",
        )
    return f"{words}. The gap is as usual.", "secondary"


def version_difference(old: VersionSummary, new: VersionSummary) -> tuple[tuple[str, str, str], ...]:
    """(what, old, new) for all that differs."""
    rows: list[tuple[str, str, str]] = []
    if old.size_bytes != new.size_bytes:
        change = ""
        if old.size_bytes and new.size_bytes is not None:
            change = f" ({100 * (new.size_bytes / old.size_bytes - 1):+.1f} %)"
        rows.append(("size", bytes_text(old.size_bytes), bytes_text(new.size_bytes) + change))
    if old.digest != new.digest:
        rows.append(("digest", (old.digest or "?")[:23], (new.digest or "?")[:23]))
    if old.aliases != new.aliases:
        rows.append(("aliases", ", ".join(old.aliases) or "none", ", ".join(new.aliases) or "none"))
    for name in sorted(old.metrics.keys() | new.metrics.keys()):
        a, b = old.metrics.get(name), new.metrics.get(name)
        if a != b:
            rows.append((name, "?" if a is None else metric_text(a), "?" if b is None else metric_text(b)))
    for title, left, right in (("param", old.params, new.params), ("tag", old.tags, new.tags)):
        for name in sorted(left.keys() | right.keys()):
            if left.get(name) != right.get(name):
                rows.append((f"{title} {name}", left.get(name, "none"), right.get(name, "none")))
    return tuple(rows)
