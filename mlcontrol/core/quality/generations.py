"""The generations of a model: every score that is known of each version, on one scale, and what they say in words.

The threshold that history sets is what a version like the earlier ones falls below once in a hundred times: of fewer than eight by
Student's prediction limit, of more by median and median absolute deviation, which one bad generation does not move; never less than
a hundredth of the median away. Of a measure that nobody knows the better direction of, nothing is judged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, nan, sqrt

from mlcontrol.core.versions import version_name

KINDS = ("train", "validation", "test", "golden", "canary", "production", "human")
FROM_REGISTRY = KINDS[:3]
PREFERRED = ("accuracy", "f1", "auc", "rmse", "mae", "loss")
LOWER_IS_BETTER = ("rmse", "mae", "loss")
_LOWER = {"mse", "rmsle", "mape", "smape", "wape", "logloss", "brier", "brier_score", "crossentropy", "cross_entropy", "perplexity",
          "error", "wer", "cer", "ece", "deviance", "hinge", "fpr", "fnr", *LOWER_IS_BETTER}  # fmt: skip
_HIGHER = {"accuracy", "f1", "auc", "precision", "recall", "r2", "ndcg", "map", "mrr", "score", "kappa", "mcc", "bleu", "iou",
           "tpr", "specificity", "sensitivity"}  # fmt: skip
SHARES = ("accuracy",)
"""Measures that are shares of right answers: only beside these can golden and human scores stand."""
ENOUGH = 30
FEWEST_GENERATIONS = 3
_STUDENT = {3: 6.965, 4: 4.541, 5: 3.747, 6: 3.365, 7: 3.143}
"""By how many scores there are: Student's quantile of 0.99 with one degree of freedom less."""
SLICE_MARK = "/"
"""A version's metric of one slice is named "test_accuracy/region:south"."""


@dataclass(frozen=True, slots=True)
class Point:
    """``low``/``high``: 95 % interval where one is known. ``n`` 0: the source does not say."""

    kind: str
    version: str
    value: float
    low: float | None = None
    high: float | None = None
    n: int = 0


@dataclass(frozen=True, slots=True)
class Generations:
    """``versions``: oldest first. ``threshold``: what history asks of a new version's test score. ``findings``: sentences, gravest
    first, each with its tone ("critical", "warning", "secondary", "quiet")."""

    metric: str
    versions: tuple[str, ...]
    points: tuple[Point, ...]
    threshold: float | None = None
    findings: tuple[tuple[str, str], ...] = ()
    current: str | None = None

    def of(self, kind: str) -> dict[str, Point]:
        return {p.version: p for p in self.points if p.kind == kind}


def metric_of(metrics: Sequence[Mapping[str, float]]) -> str | None:
    """The measure that most versions carry for train, validation or test; of several the best known."""
    carried = Counter(
        measure
        for one in metrics
        for measure in {
            name.partition("_")[2] for name in one if name.partition("_")[0] in FROM_REGISTRY and SLICE_MARK not in name
        }
    )
    known = {name: place for place, name in enumerate(PREFERRED)}
    return min(carried, key=lambda name: (-carried[name], known.get(name, len(known)), name), default=None)


def lower_is_better(metric: str) -> bool | None:
    """`None`: its name does not say."""
    words = metric.casefold().replace("-", "_")
    last = words.rpartition("_")[2]
    if words in _LOWER or last in _LOWER or (last == "rate" and "error" in words):
        return True
    return (
        False
        if words in _HIGHER or last in _HIGHER or words.startswith(("f1_", "auc_", "ndcg", "recall_", "precision_"))
        else None
    )


def generations(
    metric: str,
    versions: Sequence[tuple[str, Mapping[str, float]]],
    measured: Sequence[Point],
    current: str | None = None,
    pinned: Sequence[str] = (),
) -> Generations:
    """``versions``: oldest first, with the registry's metrics of each; ``measured``: golden, canary, production and human scores.
    ``pinned``: slices that must not be forgotten ("region:south"); empty: every slice that the registry's metrics name."""
    told = [
        Point(kind, version, metrics[f"{kind}_{metric}"])
        for version, metrics in versions
        for kind in FROM_REGISTRY
        if isfinite(metrics.get(f"{kind}_{metric}", nan))
    ]
    names = tuple(version for version, _ in versions)
    points = (*told, *(p for p in measured if p.version in names))
    if lower_is_better(metric) is None and points:
        why = f"Whether more or less of {metric} is better is not known by its name: nothing is judged by it."
        return Generations(metric, names, points, None, ((why, "quiet"),), current)
    threshold = history_threshold(metric, [p.value for p in told if p.kind == "test" and p.version != names[-1]])
    found = Generations(metric, names, points, threshold, (), current)
    subject = current if current in names else (names[-1] if names else None)
    sentences = () if subject is None else tuple(_findings(found, dict(versions), subject, pinned))
    return Generations(metric, names, points, threshold, sentences, current)


def history_threshold(metric: str, earlier: Sequence[float]) -> float | None:
    """`None` with fewer than three earlier generations: they set no threshold."""
    if len(earlier) < FEWEST_GENERATIONS:
        return None
    from statistics import fmean, median, stdev  # not before it is needed: the window's start reads this file

    n = len(earlier)
    middle = fmean(earlier) if n in _STUDENT else median(earlier)
    if n in _STUDENT:
        away = _STUDENT[n] * stdev(earlier) * sqrt(1 + 1 / n)
    else:  # by simulation: the factor that one in a hundred of normal scores passes, within a twentieth
        away = (2.326 + 18 / n) * 1.4826 * median([abs(v - middle) for v in earlier])
    room = max(away, 0.01 * abs(middle))
    return middle + room if lower_is_better(metric) else middle - room


def _findings(
    g: Generations, metrics: Mapping[str, Mapping[str, float]], subject: str, pinned: Sequence[str]
) -> list[tuple[str, str]]:
    at = g.versions.index(subject)
    newest = g.versions[-1]
    found = [
        *_broken_promise(g, subject),
        *_below_history(g, newest),
        *_forgotten(g.metric, [(v, metrics[v]) for v in g.versions[: at + 1]], pinned),
        *_overfitted(g),
    ]
    order = {"critical": 0, "warning": 1}
    found.sort(key=lambda one: order.get(one[1], 2))
    if found:
        return found
    known = [p for p in g.points if p.version == subject]
    if not known:
        return [(f"{version_name(subject)} has no score at all: it cannot be compared.", "quiet")]
    words = ", ".join(f"{p.kind} {_number(p.value)}" for p in known)
    few = len(g.of("test")) < 2
    if few:
        return [(f"{version_name(subject)}: {words}. One generation alone cannot be compared.", "quiet")]
    return [(f"{version_name(subject)}: {words}. Nothing differs more than it usually does.", "secondary")]


def _broken_promise(g: Generations, subject: str) -> list[tuple[str, str]]:
    """Tests well, drops where it serves: the whole interval is worse than the test score by more than a hundredth of it."""
    promised = g.of("test").get(subject)
    out = []
    for kind in ("production", "canary", "human"):
        real = g.of(kind).get(subject)
        if promised is None or real is None or real.n < ENOUGH or real.low is None or real.high is None:
            continue
        lower = lower_is_better(g.metric)
        worst = real.low - promised.value if lower else promised.value - real.high
        if worst > 0.01 * abs(promised.value):
            where = "the eyes of people" if kind == "human" else kind
            words = (
                f"{version_name(subject)} tests at {_number(promised.value)} and shows {_number(real.value)} "
                f"({_number(real.low)} to {_number(real.high)}, n={real.n}) in {where}: "
                "it does not hold what its test promised; overfitted, or the world differs from its test data."
            )
            out.append((words, "critical" if kind == "production" else "warning"))
    return out


def _below_history(g: Generations, version: str) -> list[tuple[str, str]]:
    test = g.of("test").get(version)
    if test is None or g.threshold is None:
        return []
    worse = test.value > g.threshold if lower_is_better(g.metric) else test.value < g.threshold
    if not worse:
        return []
    words = f"{version_name(version)} tests at {_number(test.value)}; earlier generations set {_number(g.threshold)}."
    return [(words, "warning")]


def _overfitted(g: Generations) -> list[tuple[str, str]]:
    """The gap of train and test against what earlier generations had; of the newest that carries both."""
    train, test = g.of("train"), g.of("test")
    both = [v for v in g.versions if v in train and v in test]
    if len(both) < 2:
        return []
    gaps = [abs(train[v].value - test[v].value) / max(abs(test[v].value), 1e-9) for v in both]
    usual = sorted(gaps[:-1])[len(gaps[:-1]) // 2]
    version = both[-1]
    a, b = train[version].value, test[version].value
    better_train = a < b if lower_is_better(g.metric) else a > b
    if not better_train or gaps[-1] <= max(2 * usual, usual + 0.02):
        return []
    words = (
        f"{version_name(version)}: train {_number(a)}, test {_number(b)}. The gap is {gaps[-1] * 100:.1f} %, usually"
    )
    return [(f"{words} {usual * 100:.1f} %: it looks overfitted.", "warning")]


def _forgotten(
    metric: str, versions: Sequence[tuple[str, Mapping[str, float]]], pinned: Sequence[str]
) -> list[tuple[str, str]]:
    """A slice on which the newest is clearly worse than the best before, while it is not on the whole (catastrophic forgetting).

    Among many versions the best is best by luck too: that it is better than the usual one is not held against the newest.
    """
    from statistics import median

    sign = -1.0 if lower_is_better(metric) else 1.0
    whole, head = f"test_{metric}", f"test_{metric}{SLICE_MARK}"
    if len(versions) < 2:
        return []
    version, newest = versions[-1]
    slices = [name.replace("=", ":") for name in pinned]
    slices = slices or sorted({n.removeprefix(head) for _, m in versions for n in m if n.startswith(head)})
    out = []
    for name in slices:
        before = [(sign * m[head + name], v) for v, m in versions[:-1] if isfinite(m.get(head + name, nan))]
        now = newest.get(head + name, nan)
        if not before:
            if not isfinite(now):
                out.append((f"No version was tested on {name}, which must not be forgotten.", "warning"))
            continue
        best, which = max(before)
        had = f"{version_name(which)} had {_number(sign * best)}"
        if not isfinite(now):
            out.append((f"{version_name(version)} was not tested on {name}, where {had}.", "warning"))
            continue
        lost, usual = best - sign * now, best - median(value for value, _ in before)
        fallen = sign * (dict(versions)[which].get(whole, nan) - newest.get(whole, nan))
        if lost - usual - max(0.0, fallen if isfinite(fallen) else 0.0) > 0.03 * abs(best):
            words = f"{version_name(version)} has forgotten {name}: {_number(now)} there, {had}."
            out.append((words, "warning"))
    return out


def _number(value: float) -> str:
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
