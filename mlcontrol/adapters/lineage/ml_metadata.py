"""ML Metadata (TFX, Kubeflow Pipelines): how a version came to be, from the executions and artifacts that its pipeline recorded.

A registered version is found there by an artifact that says it is that version: the id in the version's tag ``mlmd_artifact_id``; a
pushed model whose ``pushed_version`` is the version and whose destination has the model's name in it; or a model whose properties
``name`` and ``version`` (or ``model_name``, ``model_version``) are those of the registry. From there events lead upwards.
"""

from __future__ import annotations

import hashlib
import time
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from mlcontrol.adapters.lineage.metadata_address import database_of
from mlcontrol.adapters.lineage.ml_metadata_store import INPUT, OUTPUT, MetadataTables, Node
from mlcontrol.adapters.plain_text import plain
from mlcontrol.core.pipeline import Dataset, Lineage, Step
from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.core.types import VersionSummary
from mlcontrol.ports.connection import Reachability, SecretReader, Viability

SOURCE = "ML Metadata"
TAG = "mlmd_artifact_id"
_VERSIONS = ("pushed_version", "version", "model_version")
_NAMES = ("name", "model_name", "registered_model")
_DIGESTS = ("input_fingerprint", "digest", "sha256", "checksum")
_COMMITS = ("git_commit", "commit", "mlflow.source.git.commit")
_STATES = {2: "RUNNING", 3: "FINISHED", 4: "FAILED", 5: "FINISHED", 6: "CANCELED"}
_FINDINGS = ("Evaluation", "Blessing", "Metrics")
MOST_ARTIFACTS = 500
MOST_EXECUTIONS = 200
MOST_LEVELS = 20


class MlMetadata:
    """``url``: ``sqlite:////file``, ``mysql://host/database`` or ``postgresql://host/database``; nothing is written there.
    Satisfies `ports.lineage.LineageStore`. *Thread:* any."""

    def __init__(self, settings: ConnectionSettings, secret: SecretReader) -> None:
        self.settings = settings
        self._database = database_of(settings, secret)

    @classmethod
    def viability(cls) -> Viability:
        return Viability(True)

    def probe(self, deadline_s: float = 5.0) -> Reachability:
        started = time.monotonic()
        with self._database.reading(deadline_s) as ask:
            tables = MetadataTables(self.settings.id, ask)
            schema, runs = tables.schema(), tables.count_executions()
        return Reachability(f"{SOURCE} (schema {schema})", 1000 * (time.monotonic() - started), f"{runs} executions")

    def close(self) -> None:
        """Nothing is kept open."""

    def lineage(self, model: str, version: VersionSummary, deadline_s: float = 10.0) -> Lineage:
        with self._database.reading(deadline_s) as ask:
            tables = MetadataTables(self.settings.id, ask)
            tables.schema()
            trained = _trained(tables, model, version)
            return _lineage(tables, trained) if trained is not None else Lineage()


def _lineage(tables: MetadataTables, trained: Node) -> Lineage:
    makers = [execution for _, execution in tables.events("artifact_id", [trained.id], OUTPUT)]
    trainer = max(makers, default=None)
    evaluated_s, evaluated = _judged(tables, trained)
    if trainer is None:
        return Lineage(evaluated_s=evaluated_s, evaluated=evaluated, source=SOURCE)
    datasets, steps = _upstream(tables, trainer)
    run = tables.run_of(trainer)
    made = tables.executions([trainer])[trainer]
    return Lineage(
        run=f"#{made.id}",
        began_s=made.began_s,
        ended_s=made.ended_s if _STATES.get(made.state) == "FINISHED" else None,
        status=_STATES.get(made.state, ""),
        datasets=datasets,
        commit=next((plain(str(made.properties[c]), 60) for c in _COMMITS if c in made.properties), ""),
        evaluated_s=evaluated_s,
        evaluated=evaluated,
        steps=steps,
        source=f"{SOURCE}, {run}" if run else SOURCE,
    )


def _trained(tables: MetadataTables, model: str, version: VersionSummary) -> Node | None:
    """The model as the trainer left it."""
    tagged = version.tags.get(TAG, "")
    if tagged.isdecimal() and len(tagged) < 19:
        found = tables.artifacts([int(tagged)]).get(int(tagged))
    else:
        ids = tables.artifacts_saying(_VERSIONS, version.version, MOST_ARTIFACTS)
        known = tables.artifacts(ids)
        found = next((known[i] for i in ids if i in known and _is_of(known[i], model)), None)
    if found is None or "pushed_version" not in found.properties:
        return found
    # What was pushed is a copy; what it was made from went into the pusher.
    pushers = {execution for _, execution in tables.events("artifact_id", [found.id], OUTPUT)}
    given = [artifact for artifact, _ in tables.events("execution_id", pushers, INPUT)]
    inputs = tables.artifacts(given)
    models = [node for node in inputs.values() if _short(node.kind) == "Model"]
    return max(models, key=lambda node: node.id) if models else None


def _upstream(tables: MetadataTables, trainer: int) -> tuple[tuple[Dataset, ...], tuple[Step, ...]]:
    """Data that nothing was made of before, and the executions between it and the trainer."""
    seen, level = {trainer}, {trainer}
    has_inputs: set[int] = set()
    roots: set[int] = set()
    made_by: dict[int, int] = {}
    for _ in range(MOST_LEVELS):
        given = tables.events("execution_id", level, INPUT)
        has_inputs |= {execution for _, execution in given}
        artifacts = {artifact for artifact, _ in given}
        makers = tables.events("artifact_id", artifacts, OUTPUT)
        made_by |= dict(makers)
        roots |= artifacts - {artifact for artifact, _ in makers}
        level = {execution for _, execution in makers} - seen
        seen |= level
        if not level or len(seen) > MOST_EXECUTIONS:
            break
    roots |= {artifact for artifact, execution in made_by.items() if execution not in has_inputs}
    executions = tables.executions(seen & has_inputs - {trainer})
    steps = sorted(executions.values(), key=lambda node: (node.began_s or 0.0, node.id))
    return _datasets(list(tables.artifacts(roots).values())), tuple(
        Step(_short(one.kind), one.began_s, one.ended_s, source=f"execution #{one.id}") for one in steps
    )


def _judged(tables: MetadataTables, trained: Node) -> tuple[float | None, tuple[str, ...]]:
    """When the model was last evaluated, and what was said of it."""
    judges = {execution for _, execution in tables.events("artifact_id", [trained.id], INPUT)}
    said = {artifact for artifact, _ in tables.events("execution_id", judges, OUTPUT)}
    findings = [node for node in tables.artifacts(said).values() if any(f in node.kind for f in _FINDINGS)]
    words: list[str] = []
    for node in sorted(findings, key=lambda node: node.id):
        blessed = node.properties.get("blessed", node.properties.get("blessing_status"))
        if blessed is not None:
            good = blessed in (1, "1", "INFRA_BLESSED", "BLESSED")
            words.append(f"{_short(node.kind)}: {'blessed' if good else 'not blessed'}")
        words += [f"{plain(k, 40)} {v:.4g}" for k, v in node.properties.items() if isinstance(v, float)]
    moments = [node.began_s for node in findings if node.began_s is not None]
    return max(moments, default=None), tuple(dict.fromkeys(words or [_short(node.kind) for node in findings]))


def _is_of(node: Node, model: str) -> bool:
    """Whether an artifact says that it is of this model: by its name, or by the folder it was pushed to."""
    names = {node.name, *(str(node.properties[name]) for name in _NAMES if name in node.properties)}
    where = str(node.properties.get("pushed_destination", "")) if "pushed_version" in node.properties else ""
    return model in names or model in PurePosixPath(urlsplit(where).path).parts


def _datasets(roots: list[Node]) -> tuple[Dataset, ...]:
    """The training data: examples where there are any, else all that nothing was made of before."""
    chosen = [node for node in roots if _short(node.kind) in ("Examples", "Dataset")] or roots
    chosen.sort(key=lambda node: node.id)
    if not chosen:
        return ()
    digests = [_digest(node) for node in chosen]
    names = ", ".join(_called(node) for node in chosen[:4]) + (
        f" and {len(chosen) - 4} more" if len(chosen) > 4 else ""
    )
    digest = digests[0] if len(digests) == 1 else _hashed("\n".join(sorted(digests))) if all(digests) else ""
    return (Dataset(names, digest, "training", SOURCE, SOURCE),)


def _digest(node: Node) -> str:
    """Of its content, as recorded. An address is none: the same data may lie at two."""
    told = next((str(node.properties[name]) for name in _DIGESTS if node.properties.get(name)), "")
    return _hashed(told) if len(told) > 80 or "," in told else told


def _called(node: Node) -> str:
    span = f" span {node.properties['span']}" if "span" in node.properties else ""
    return (
        f"{node.name or _short(node.kind)}{span} ({node.uri})"
        if node.uri
        else f"{node.name or _short(node.kind)}{span}"
    )


def _hashed(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def _short(kind: str) -> str:
    """``tfx.components.trainer.component.Trainer`` -> ``Trainer``."""
    return kind.rpartition(".")[2]
