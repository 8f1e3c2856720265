"""ML Metadata: a store that the real ml-metadata package writes (an environment of its own), read by SQL and shown in the strip."""

from __future__ import annotations

import shutil
import sqlite3
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mlcontrol.adapters.lineage.metadata_sqlite import SqliteMetadata
from mlcontrol.adapters.lineage.ml_metadata import TAG, MlMetadata
from mlcontrol.core.pipeline import Dataset, Lineage
from mlcontrol.core.problem import ProblemError
from mlcontrol.core.settings import ConnectionSettings, ServiceSettings
from mlcontrol.core.types import ConnectionKind, VersionSummary
from mlcontrol.gui.viewmodels.pipeline_words import cells, pipeline_sentence
from mlcontrol.ports.errors import AdapterError, NotFound, Rejected, TimedOut, Unexpected
from mlcontrol.services.pipelines import PipelineDesk
from mlcontrol.testing.contracts.connection import ConnectionContract, no_secret
from tests.adapters.ml_metadata_writer import write_store

pytestmark = pytest.mark.real


@dataclass(frozen=True, slots=True)
class Written:
    file: Path
    models: dict[str, int]

    @property
    def settings(self) -> ConnectionSettings:
        return ConnectionSettings("lineage", ConnectionKind.LINEAGE, "ml-metadata", f"sqlite:///{self.file}")

    def reader(self) -> MlMetadata:
        return MlMetadata(self.settings, no_secret)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    file = tmp_path_factory.mktemp("mlmd") / "metadata store.db"
    return Written(file, write_store(f'sqlite {{ filename_uri: "{file}" connection_mode: READWRITE_OPENCREATE }}'))


class TestContract(ConnectionContract):
    @pytest.fixture
    def adapter(self, written: Written) -> MlMetadata:
        return written.reader()

    def test_a_probe_says_how_much_is_there(self, adapter: MlMetadata) -> None:
        found = adapter.probe()
        assert found.server == "ML Metadata (schema 10)"
        assert found.detail == "21 executions"


def version(number: str, **tags: str) -> VersionSummary:
    return VersionSummary(number, 1000.0, tags=tags, digest="sha256:" + "d" * 64)


def test_a_version_is_found_by_what_was_pushed_and_followed_to_its_data(written: Written) -> None:
    found = written.reader().lineage("fraud", version("2"))
    (data,) = found.datasets
    assert data.name == "examples-2 span 8 (/data/2)"
    assert (data.context, data.kept_by) == ("training", "ML Metadata")
    assert data.digest.startswith("sha256:")
    assert [step.name for step in found.steps] == ["StatisticsGen", "SchemaGen", "Transform"]
    assert (found.commit, found.status, found.source) == ("c0ffee2", "FINISHED", "ML Metadata, fraud-run-2")
    assert set(found.evaluated) == {"auc 0.9125", "ModelBlessing: not blessed"}
    assert found.began_s is not None
    assert found.ended_s is not None
    assert found.evaluated_s is not None
    assert found.began_s <= found.ended_s <= found.evaluated_s


def test_the_same_data_has_the_same_digest_wherever_it_lies(written: Written) -> None:
    digests = [written.reader().lineage("fraud", version(n)).datasets[0].digest for n in "123"]
    assert digests[0] == digests[2] != digests[1]


def test_other_ways_to_name_a_version(written: Written) -> None:
    reader = written.reader()
    tagged = reader.lineage("whatever", version("77", **{TAG: str(written.models["3"])}))
    assert tagged.source == "ML Metadata, fraud-run-3"
    lone = reader.lineage("churn", version("5"))
    assert (lone.run, lone.datasets) == ("", ())  # known, but nothing was recorded of how it came to be


@pytest.mark.parametrize(
    ("model", "number"), [("fraud", "9"), ("other", "1"), ("frau", "1"), ("churn", "1"), ("churn", "x" * 50)]
)
def test_what_it_does_not_know_is_empty(written: Written, model: str, number: str) -> None:
    assert written.reader().lineage(model, version(number)) == Lineage()


MLFLOW = Lineage(
    run="f" * 32,
    datasets=(Dataset("scans", "abc", "training", "s3"),),
    evaluated=("test_accuracy",),
    source="MLflow run ffff",
)


@dataclass
class Ctx:
    """What the desk asks of its context. ``told``: what the registry tells of each version."""

    store_of_lineage: Any
    good: tuple[str, float] | None = None
    told: dict[str, Lineage] = field(default_factory=dict)

    @property
    def settings(self) -> Any:
        service = ServiceSettings("fraud", registry="registry", model="fraud", lineage="lineage")
        return SimpleNamespace(services={"fraud": service})

    @property
    def store(self) -> Any:
        return SimpleNamespace(knowledge=SimpleNamespace(known_good=lambda _service: [self.good] if self.good else []))

    def state(self) -> Any:
        used = SimpleNamespace(single="3")
        return SimpleNamespace(
            services={"fraud": SimpleNamespace(versions=tuple(version(n) for n in "123"), used=used, intended=used)}
        )

    def registry(self, _connection: str) -> Any:
        return SimpleNamespace(lineage=lambda _model, number: self.told.get(number, Lineage()))

    def lineage(self, _connection: str) -> Any:
        return self.store_of_lineage


def test_the_strip_shows_stages_snapshot_and_the_known_good_point(written: Written) -> None:
    found = PipelineDesk(Ctx(written.reader(), ("1", 900.0))).of("fraud")  # type: ignore[arg-type]
    assert [stage.known for stage in found.stages] == [True] * 5
    words = [cell.words for cell in cells(found)]
    assert "examples-3 span 7 (/data/3)" in words[0]
    assert "StatisticsGen, SchemaGen, Transform" in words[1]
    assert "commit c0ffee3" in words[2]
    assert "ModelBlessing: blessed" in words[3]
    assert all("ML Metadata" in word for word in (words[0], words[3]))
    said, tone = pipeline_sentence(found, 1000.0)
    assert "v3: 5 of 5 stages" in said
    assert "Last known good in production: v1" in said
    assert "made of the same data snapshot" in said
    assert tone == "secondary"
    said, tone = pipeline_sentence(PipelineDesk(Ctx(written.reader(), ("2", 900.0))).of("fraud"), 1000.0)  # type: ignore[arg-type]
    assert "made of another data snapshot" in said
    assert tone == "warning"


def test_what_the_registry_tells_stands_beside_it(written: Written) -> None:
    """The run is the registry's, the data the store's; digests of two stores are not compared."""
    told = {"3": MLFLOW, "1": MLFLOW}
    found = PipelineDesk(Ctx(written.reader(), ("1", 900.0), told)).of("fraud")  # type: ignore[arg-type]
    words = [cell.words for cell in cells(found)]
    assert "span 7" in words[0]
    assert "run ffffffff" in words[2]
    assert "test_accuracy, auc 0.9125, ModelBlessing: blessed" in words[3]
    assert "MLflow run ffff and ML Metadata, fraud-run-3" in words[3]
    assert found.same_snapshot is True

    class Forgetful:
        """Knows how version 3 came to be, but nothing of version 1."""

        def lineage(self, model: str, wanted: VersionSummary) -> Lineage:
            return written.reader().lineage(model, wanted) if wanted.version == "3" else Lineage()

    mixed = PipelineDesk(Ctx(Forgetful(), ("1", 900.0), told)).of("fraud")  # type: ignore[arg-type]
    assert mixed.good_snapshot == "abc"
    assert mixed.same_snapshot is None


def test_a_store_that_does_not_answer_leaves_the_registrys_part_and_says_so(written: Written, tmp_path: Path) -> None:
    gone = MlMetadata(replace(written.settings, url=f"sqlite:///{tmp_path}/gone.db"), no_secret)
    found = PipelineDesk(Ctx(gone, ("3", 900.0), {"3": MLFLOW})).of("fraud")  # type: ignore[arg-type]
    assert found.stages[0].digest == "abc"
    said, tone = pipeline_sentence(found, 1000.0)
    assert "? There is no file" in said
    assert tone == "unknown"


def test_what_is_wrong_is_said_in_words(written: Written, tmp_path: Path) -> None:
    newer, other, text = (tmp_path / name for name in ("newer.db", "other.db", "text.db"))
    shutil.copy(written.file, newer)
    with sqlite3.connect(newer) as db:
        db.execute("update MLMDEnv set schema_version = 11")
    with sqlite3.connect(other) as db:
        db.execute("create table something(x)")
    text.write_text("no database at all " * 100)
    cases: tuple[tuple[str, type[AdapterError], str], ...] = (
        (f"sqlite:///{newer}", Unexpected, "schema that is not known"),
        (f"sqlite:///{other}", Unexpected, "no ML Metadata store"),
        (f"sqlite:///{text}", Unexpected, "no ML Metadata store"),
        (f"sqlite:///{tmp_path}", NotFound, "no file"),
    )
    for url, kind, words in cases:
        with pytest.raises(kind, match=words):
            MlMetadata(replace(written.settings, url=url), no_secret).lineage("fraud", version("1"))
    with pytest.raises(Rejected, match="no address"):
        MlMetadata(replace(written.settings, url="oracle://127.0.0.1/mlmd"), no_secret)


def test_a_pipeline_that_writes_is_not_kept_waiting_and_its_lock_ends_in_time(written: Written, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    shutil.copy(written.file, copy)
    reader = MlMetadata(replace(written.settings, url=f"sqlite:///{copy}"), no_secret)
    writer = sqlite3.connect(copy, isolation_level=None, timeout=0.0)
    writer.execute("begin exclusive")
    with pytest.raises(TimedOut):
        reader.lineage("fraud", version("1"), deadline_s=0.3)
    writer.execute("rollback")
    assert reader.lineage("fraud", version("1")).run
    writer.execute("begin exclusive")  # at once: nothing of the reader's is left open
    writer.execute("update Artifact set uri = 'x'")
    writer.execute("commit")
    writer.close()


def test_the_file_is_never_written_to(written: Written) -> None:
    before = written.file.read_bytes()
    written.reader().lineage("fraud", version("1"))
    assert written.file.read_bytes() == before
    with pytest.raises(ProblemError, match="readonly"), SqliteMetadata(written.settings).reading(5.0) as ask:
        ask("delete from Artifact", ())
