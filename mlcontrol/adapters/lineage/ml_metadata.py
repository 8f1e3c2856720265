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

from mlcontrol.adapters.lineage.ml_metadata_store import INPUT, OUTPUT, MetadataFile, Node
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
MOST_EXECUTIONS = 200
MOST_LEVELS = 20


class MlMetadata:
    """``url``: ``sqlite:////file``, opened read only. Satisfies `ports.lineage.LineageStore`. *Thread:* any."""

    def __init__(self, settings: ConnectionSettings, secret: SecretReader) -> None:  # noqa: ARG002 - a file needs no secret
        self.settings = settings
        self._file = MetadataFile(settings.id, settings.url)

    @classmethod
    def viability(cls) -> Viability:
        return Viability(True)

    def probe(self, deadline_s: float = 5.0) -> Reachability:
        started = time.monotonic()
        schema = self._file.schema(deadline_s)
        [(runs,)] = self._file.ask("select count(*) from Execution", (), deadline_s)
        return Reachability(f"{SOURCE} (schema {schema})", 1000 * (time.monotonic() - started), f"{runs} executions")

    def close(self) -> None:
        """Nothing is kept open."""

    def lineage(self, model: str, version: VersionSummary, deadline_s: float = 10.0) -> Lineage:
        left = _Left(deadline_s)
        self._file.schema(left())
        trained = self._trained(model, version, left)
        if trained is None:
            return Lineage()
        makers = [execution for _, execution in self._file.events("artifact_id", [trained.id], OUTPUT, left())]
        trainer = max(makers, default=None)
        datasets, steps = self._upstream(trainer, left) if trainer is not None else ((), ())
        evaluated_s, evaluated = self._judged(trained, left)
        run = self._file.run_of(trainer, left()) if trainer is not None else ""
        source = f"{SOURCE}, {run}" if run else SOURCE
        if trainer is None:
            return Lineage(evaluated_s=evaluated_s, evaluated=evaluated, source=source)
        made = self._file.executions([trainer], left())[trainer]
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
            source=source,
        )

    def _trained(self, model: str, version: VersionSummary, left: _Left) -> Node | None:
        """The model as the trainer left it."""
        tagged = version.tags.get(TAG, "")
        if tagged.isdecimal():
            found = self._file.artifacts([int(tagged)], left()).get(int(tagged))
        else:
            marks = ", ".join("?" for _ in _VERSIONS)
            number = int(version.version) if version.version.isdecimal() and len(version.version) < 19 else None
            question = (
                f"select distinct artifact_id from ArtifactProperty where name in ({marks}) and is_custom_property in (0, 1)"  # noqa: S608
                " and (string_value = ? or int_value = ?) order by artifact_id desc limit 500"
            )
            ids = [int(row[0]) for row in self._file.ask(question, (*_VERSIONS, version.version, number), left())]
            known = self._file.artifacts(ids, left())
            found = next((known[i] for i in ids if i in known and _is_of(known[i], model)), None)
        if found is None or "pushed_version" not in found.properties:
            return found
        # What was pushed is a copy; what it was made from went into the pusher.
        pushers = {execution for _, execution in self._file.events("artifact_id", [found.id], OUTPUT, left())}
        given = [artifact for artifact, _ in self._file.events("execution_id", pushers, INPUT, left())]
        inputs = self._file.artifacts(given, left())
        models = [node for node in inputs.values() if _short(node.kind) == "Model"]
        return max(models, key=lambda node: node.id) if models else None

    def _upstream(self, trainer: int, left: _Left) -> tuple[tuple[Dataset, ...], tuple[Step, ...]]:
        """Data that nothing was made of before, and the executions between it and the trainer."""
        seen, level = {trainer}, {trainer}
        has_inputs: set[int] = set()
        roots: set[int] = set()
        made_by: dict[int, int] = {}
        for _ in range(MOST_LEVELS):
            given = self._file.events("execution_id", level, INPUT, left())
            has_inputs |= {execution for _, execution in given}
            artifacts = {artifact for artifact, _ in given}
            makers = self._file.events("artifact_id", artifacts, OUTPUT, left())
            made_by |= dict(makers)
            roots |= artifacts - {artifact for artifact, _ in makers}
            level = {execution for _, execution in makers} - seen
            seen |= level
            if not level or len(seen) > MOST_EXECUTIONS:
                break
        roots |= {artifact for artifact, execution in made_by.items() if execution not in has_inputs}
        executions = self._file.executions(seen & has_inputs - {trainer}, left())
        steps = sorted(executions.values(), key=lambda node: (node.began_s or 0.0, node.id))
        return _datasets(list(self._file.artifacts(roots, left()).values())), tuple(
            Step(_short(one.kind), one.began_s, one.ended_s, source=f"execution #{one.id}") for one in steps
        )

    def _judged(self, trained: Node, left: _Left) -> tuple[float | None, tuple[str, ...]]:
        """When the model was last evaluated, and what was said of it."""
        judges = {execution for _, execution in self._file.events("artifact_id", [trained.id], INPUT, left())}
        said = {artifact for artifact, _ in self._file.events("execution_id", judges, OUTPUT, left())}
        findings = [
            node for node in self._file.artifacts(said, left()).values() if any(f in node.kind for f in _FINDINGS)
        ]
        words: list[str] = []
        for node in sorted(findings, key=lambda node: node.id):
            blessed = node.properties.get("blessed", node.properties.get("blessing_status"))
            if blessed is not None:
                good = blessed in (1, "1", "INFRA_BLESSED", "BLESSED")
                words.append(f"{_short(node.kind)}: {'blessed' if good else 'not blessed'}")
            words += [f"{plain(k, 40)} {v:.4g}" for k, v in node.properties.items() if isinstance(v, float)]
        moments = [node.began_s for node in findings if node.began_s is not None]
        return max(moments, default=None), tuple(dict.fromkeys(words or [_short(node.kind) for node in findings]))


class _Left:
    """Seconds that are left of a deadline for several questions."""

    def __init__(self, deadline_s: float) -> None:
        self._ends = time.monotonic() + deadline_s

    def __call__(self) -> float:
        return max(0.001, self._ends - time.monotonic())


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
