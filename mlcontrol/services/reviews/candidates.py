"""From logged predictions, traces and files to the items of a campaign."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mlcontrol.core.golden import GoldenSet
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.review.campaign import Campaign, Mode, Policy, SourceKind
from mlcontrol.core.review.judging import ItemKind, ReviewItem
from mlcontrol.core.review.prediction_powered import Moments, moments_of
from mlcontrol.core.review.sampling import Candidate, draw, side_is_swapped
from mlcontrol.core.settings import ServiceSettings
from mlcontrol.ports.errors import AdapterError
from mlcontrol.ports.predictions import LoggedPrediction
from mlcontrol.ports.review_sources import TableFiles, Traces
from mlcontrol.services.batching import batch_of_one, row_of_one
from mlcontrol.services.context import ServiceContext, Tell

VERSION_SLICE = "version"
ASK_DEADLINE_S = 3.0


@dataclass(frozen=True, slots=True)
class Outside:
    """What a campaign may need beside the context; `None` where this engine has no such thing."""

    files: TableFiles | None = None
    traces: Callable[[str], Traces] | None = None
    write_golden: Callable[[Path, GoldenSet], None] | None = None


@dataclass(frozen=True, slots=True)
class Pool:
    """``total``: predictions there are; ``rows``: those looked at, a simple random sample of them."""

    total: int
    rows: tuple[LoggedPrediction, ...]


@dataclass(frozen=True, slots=True)
class Picked:
    """The campaign's work items. ``sizes``: candidates by stratum. ``traffic``: the model's own probabilities on those not drawn,
    by version. ``notes``: what could not be had, in words."""

    items: tuple[ReviewItem, ...]
    sizes: Mapping[str, int]
    traffic: Mapping[str, Moments]
    notes: str


def pool_of(ctx: ServiceContext, outside: Outside, campaign: Campaign, settings: ServiceSettings) -> Pool:
    """Raises `ProblemError` when the source cannot be asked."""
    source, sampling = campaign.source, campaign.sampling
    match source.kind:
        case SourceKind.LOG:
            connection = source.connection or settings.predictions
            if not connection:
                raise ProblemError(
                    Problem(
                        "This service has no prediction log, so there is nothing to review.",
                        "",
                        "Name one on the page Connections, or give a file.",
                        code="not-configured",
                    )
                )
            until_s = source.until_s if source.until_s is not None else ctx.clock.utc_s()
            since_s = source.since_s if source.since_s is not None else until_s - 3600 * source.hours
            log = ctx.predictions(connection)
            wanted = set(campaign.versions)
            rows: list[LoggedPrediction] = []
            total = 0
            shares = {s.version: s.answered for s in log.shares(settings.id, since_s, until_s, 30.0) if s.version}
            for version in sorted(wanted) if wanted else [None]:
                rows += log.sample(
                    settings.id, sampling.pool, sampling.seed, since_s, until_s, version, deadline_s=30.0
                )
                total += shares.get(version, 0) if version is not None else sum(shares.values())
            return Pool(max(total, len(rows)), tuple(rows))
        case SourceKind.TRACES:
            if outside.traces is None:
                raise ProblemError(Problem("This engine cannot read traces.", code="not-configured"))
            traces = outside.traces(source.connection or settings.registry)
            found = traces.search(source.experiment or "0", sampling.pool)
            return Pool(len(found), found)
        case SourceKind.FILE:
            if outside.files is None:
                raise ProblemError(Problem("This engine cannot read files.", code="not-configured"))
            path = Path(ctx.settings.path).parent / Path(source.path).expanduser()
            if not path.is_file():
                raise ProblemError(
                    Problem(f"There is no file {path}.", "", "Give the path of a file with predictions.", "unreadable")
                )
            sampled = outside.files.sample(path, sampling.pool, sampling.seed)
            return Pool(sampled.total, tuple(logged(row, settings) for row in sampled.rows))


def logged(row: Mapping[str, Any], settings: ServiceSettings) -> LoggedPrediction:
    """A row of a file. With columns ``inputs`` and ``outputs`` as a log has them; else the service's answer column (or
    ``prediction``, ``output``, ``answer``) is the output and all others are inputs."""
    known = {"request_id", "version", "time", "at", "label", "expected", "slices"}
    if "outputs" in row:
        inputs, outputs = row.get("inputs"), row["outputs"]
    else:
        names = [n for n in (settings.prediction, "prediction", "output", "answer") if n and n in row]
        answers = {name for name in [*names[:1], settings.probability] if name in row}
        outputs = {name: row[name] for name in row if name in answers}
        inputs = {name: value for name, value in row.items() if name not in answers | known}
    slices = row.get("slices")
    if isinstance(slices, str):
        try:
            slices = json.loads(slices)
        except ValueError:
            slices = None
    label = row.get("label", row.get("expected"))
    return LoggedPrediction(
        str(row.get("request_id", "")),
        0.0,
        str(row.get("version") or ""),
        _text(inputs),
        _text(outputs),
        {str(k): str(v) for k, v in slices.items()} if isinstance(slices, dict) else {},
        label=None if label is None else _text(label),
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) and _is_json(value) else json.dumps(value, ensure_ascii=False)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def items_of(
    ctx: ServiceContext, outside: Outside, campaign: Campaign, settings: ServiceSettings, tell: Tell
) -> Picked:
    tell("Reading candidates", None)
    pool = pool_of(ctx, outside, campaign, settings)
    if not pool.rows:
        return Picked((), {}, {}, "The source has no prediction in the span that was asked for.")
    by_id = {row.request_id: row for row in pool.rows}
    others: dict[str, str] = {}
    note = ""
    if campaign.mode is Mode.PAIRWISE:
        others, note = _other_answers(ctx, settings, campaign, pool.rows, tell)
        by_id = {name: row for name, row in by_id.items() if name in others}
    if campaign.mode is Mode.EXPECTED:
        by_id = {name: row for name, row in by_id.items() if row.label is not None}
        note = f"{len(pool.rows) - len(by_id)} predictions have no label yet and were left out."
    sampling = campaign.sampling
    if any(part.policy is Policy.STRATIFIED for part in sampling.mixture) and VERSION_SLICE not in sampling.by:
        sampling = replace(sampling, by=(VERSION_SLICE, *sampling.by))
    usual = _shares([row.slices for row in by_id.values()])
    candidates = [_candidate(row, settings, others.get(row.request_id), usual) for row in by_id.values()]
    drawn = draw(candidates, sampling)
    looked = min(1.0, len(pool.rows) / pool.total) if pool.total else 1.0
    sizes = {name: round(size / looked) for name, size in drawn.stratum_sizes.items()}

    def turned(row: LoggedPrediction) -> bool:
        """Whether the second version is the one that was logged, and the first was asked."""
        return campaign.mode is Mode.PAIRWISE and row.version == campaign.versions[1]

    items = []
    for one in drawn.items:
        row = by_id[one.id]
        items.append(
            ReviewItem(
                id=item_id(campaign.id, one.id),
                service=settings.id,
                request_id=row.request_id,
                at_s=row.at_s,
                inputs=row.inputs,
                outputs=others[one.id] if turned(row) else row.outputs,
                slices={k: v for k, v in row.slices.items() if k != VERSION_SLICE},
                version=campaign.versions[0] if campaign.mode is Mode.PAIRWISE else row.version,
                campaign=campaign.id,
                outputs_b=row.outputs if turned(row) else others.get(one.id, ""),
                version_b=campaign.versions[1] if campaign.mode is Mode.PAIRWISE else "",
                swapped=campaign.mode is Mode.PAIRWISE and side_is_swapped(sampling.seed, one.id),
                stratum=one.stratum,
                probability=max(1e-12, one.probability * looked),
                why=one.policy.value,
                expected=(row.label or "") if campaign.mode in (Mode.EXPECTED, Mode.GOLDEN) else "",
                confidence=confidence(row.outputs, settings.probability),
                trace=row.request_id if campaign.source.kind is SourceKind.TRACES else "",
            )
        )
    notes = " ".join(part for part in (note, "; ".join(drawn.short)) if part)
    taken = {one.id for one in drawn.items}
    traffic = traffic_of(by_id.values(), taken, settings.probability) if campaign.mode is not Mode.PAIRWISE else {}
    return Picked(tuple(items), sizes, traffic, notes)


def golden_items(campaign: Campaign, golden: GoldenSet, kind: ItemKind) -> tuple[ReviewItem, ...]:
    """Items of a golden set: to be checked themselves, or hidden among the work to see whether raters know them."""
    return tuple(
        ReviewItem(
            id=item_id(campaign.id, f"{kind.value}-{item.id}"),
            service=campaign.service,
            request_id=item.id,
            at_s=0.0,
            inputs=json.dumps(dict(item.inputs), ensure_ascii=False),
            outputs=json.dumps({item.expected.output: item.expected.value}, ensure_ascii=False),
            slices=dict(item.slices),
            campaign=campaign.id,
            kind=kind,
            why="golden set",
            expected=json.dumps(item.expected.value) if kind is ItemKind.WORK else json.dumps("right"),
            explanation="This item is in the golden set: the answer shown is known to be right.",
        )
        for item in golden.items
    )


def item_id(campaign: str, request_id: str) -> str:
    return hashlib.sha256(f"{campaign}\0{request_id}".encode()).hexdigest()[:24]


def _candidate(
    row: LoggedPrediction, settings: ServiceSettings, other: str | None, usual: Mapping[tuple[str, str], float]
) -> Candidate:
    drift = max((-math.log(usual[pair]) for pair in row.slices.items() if pair in usual), default=0.0)
    return Candidate(
        row.request_id,
        row.at_s,
        {**row.slices, VERSION_SLICE: row.version},
        uncertainty(row.outputs, settings.probability),
        None if other is None else differs(row.outputs, other, settings.prediction),
        drift,
    )


def probabilities(outputs: str, name: str) -> list[float] | None:
    """Class probabilities of an answer, scaled to sum to 1; `None` where the output has none."""
    try:
        values = json.loads(outputs).get(name) if name else None
    except (ValueError, AttributeError):
        return None
    while isinstance(values, list) and len(values) == 1 and isinstance(values[0], list):
        values = values[0]
    if isinstance(values, dict):
        values = list(values.values())
    if not isinstance(values, list) or len(values) < 2 or not all(isinstance(v, int | float) for v in values):
        return None
    total = sum(v for v in values if v > 0)
    return [max(0.0, v) / total for v in values] if 0 < total < math.inf else None


def uncertainty(outputs: str, probability: str) -> float | None:
    """Entropy of the class probabilities over its maximum, 0 to 1; `None` where the output has none."""
    shares = probabilities(outputs, probability)
    if shares is None:
        return None
    entropy = -sum(v * math.log(v) for v in shares if v > 0)
    return float(entropy / math.log(len(shares)))


def confidence(outputs: str, probability: str) -> float | None:
    """The probability that the model itself gives its answer: the largest of its classes."""
    shares = probabilities(outputs, probability)
    return None if shares is None else max(shares)


def traffic_of(rows: Iterable[LoggedPrediction], drawn: Collection[str], probability: str) -> dict[str, Moments]:
    """The model's own probabilities on the predictions that were looked at and not drawn, by version."""
    by_version: dict[str, list[float]] = {}
    for row in rows:
        own = confidence(row.outputs, probability) if row.request_id not in drawn else None
        if own is not None:
            by_version.setdefault(row.version, []).append(own)
    return {version: moments_of(values) for version, values in by_version.items()}


def differs(first: str, second: str, prediction: str) -> bool:
    """Whether two answers say something else; numbers closer than one part in a thousand are the same."""
    a, b = _answer(first, prediction), _answer(second, prediction)
    if isinstance(a, float) and isinstance(b, float):
        return not math.isclose(a, b, rel_tol=1e-3)
    return bool(a != b)


def _answer(outputs: str, prediction: str) -> Any:
    try:
        value = json.loads(outputs)
    except ValueError:
        return outputs
    if isinstance(value, dict):
        value = value.get(prediction, value)
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    return value


def _shares(rows: Sequence[Mapping[str, str]]) -> dict[tuple[str, str], float]:
    counts: dict[tuple[str, str], int] = {}
    for row in rows:
        for pair in row.items():
            counts[pair] = counts.get(pair, 0) + 1
    return {pair: n / len(rows) for pair, n in counts.items()}


def _other_answers(
    ctx: ServiceContext,
    settings: ServiceSettings,
    campaign: Campaign,
    rows: Iterable[LoggedPrediction],
    tell: Tell,
) -> tuple[dict[str, str], str]:
    """The answer of whichever version was not logged, to the same inputs: it is asked now."""
    first, second = campaign.versions
    wanted = campaign.sampling.n * (4 if any(p.policy is Policy.DISAGREE for p in campaign.sampling.mixture) else 1)
    rows = sorted(rows, key=lambda row: hashlib.sha256(f"{campaign.sampling.seed}{row.request_id}".encode()).digest())
    found: dict[str, str] = {}
    if not settings.serving:
        raise ProblemError(
            Problem(
                f"Nobody can be asked for the answers of v{second}.",
                "The service names no serving.",
                "",
                "not-configured",
            )
        )
    serving, model = ctx.serving(settings.serving[0]), settings.serving_model or settings.model
    failed: dict[str, str] = {}
    for number, row in enumerate(rows[:wanted]):
        other = first if row.version == second else second
        tell(f"Asking v{other} the same queries", number / max(1, min(wanted, len(rows))))
        try:
            inputs, logged_outputs = json.loads(row.inputs), json.loads(row.outputs)
            answer = serving.infer(model, batch_of_one(inputs), other, ASK_DEADLINE_S)
        except (AdapterError, ValueError, AttributeError) as error:
            failed[other] = str(error)[:200]
            if number >= 5 and not found:
                break
            continue
        found[row.request_id] = json.dumps(_as_logged(answer.outputs, logged_outputs), ensure_ascii=False)
    mute = next(iter(failed), second)
    if not found:
        raise ProblemError(
            Problem(
                f"v{mute} answered none of the queries.",
                failed.get(mute, ""),
                "Load it beside (a check with probe does), then start the campaign.",
                code="failed",
            )
        )
    return found, " ".join(f"v{name} did not answer some queries: {why}." for name, why in failed.items())


def _as_logged(outputs: Mapping[str, Any], logged_outputs: Any) -> dict[str, Any]:
    """The names and the nesting of the log, in its order: how an answer is written down must not tell who gave it."""
    like = logged_outputs if isinstance(logged_outputs, dict) else {}
    made = row_of_one(outputs, like)
    return {name: made[name] for name in like if name in made} or made
