"""The pipeline strip: five stages, what is not told said so, and the known-good point with its data."""

from __future__ import annotations

from typing import Any

import pytest

from mlcontrol.adapters.registry.mlflow_lineage import lineage_of
from mlcontrol.core.pipeline import STAGES, Dataset, Lineage, Pipeline, pipeline, snapshot_of
from mlcontrol.core.types import VersionSummary
from mlcontrol.gui.viewmodels.pipeline_words import cells, pipeline_sentence

TRAINED = Dataset("scans", "abc123", "training", "s3")
VERSION = VersionSummary(
    "3", 1000.0, status="READY", digest="sha256:" + "d" * 64, tags={"data_snapshot": "scans-2026-11"}
)
RUN: dict[str, Any] = {
    "info": {"run_id": "f" * 32, "start_time": 1_000_000, "end_time": 1_090_000, "status": "FINISHED"},
    "data": {
        "metrics": [
            {"key": "train_accuracy", "value": 0.9, "timestamp": 1_010_000},
            {"key": "test_accuracy", "value": 0.8, "timestamp": 1_080_000},
            {
                "key": "validation_loss",
                "value": 0.2,
                "timestamp": 1_085_000,
                "dataset_name": "late",
                "dataset_digest": "e1",
            },
        ],
        "tags": [{"key": "mlflow.source.git.commit", "value": "c0ffee0000000000"}],
    },
    "inputs": {
        "dataset_inputs": [
            {
                "dataset": {"name": "scans", "digest": "abc123", "source_type": "s3"},
                "tags": [{"key": "mlflow.data.context", "value": "training"}],
            },
            {"dataset": {"name": "held", "digest": "777", "source_type": "s3"}, "tags": []},
        ]
    },
}


NOTHING = Lineage()
SAME, OLD = (VersionSummary("2", tags={"data_snapshot": name}) for name in ("scans-2026-11", "old"))


def made(
    lineage: Lineage = NOTHING, good: Any = None, of_good: Any = None, version: VersionSummary = VERSION
) -> Pipeline:
    return pipeline(version, lineage, good, of_good)


def test_what_a_run_tells() -> None:
    found = lineage_of(RUN, {})
    assert found.datasets == (TRAINED, Dataset("held", "777", "", "s3"), Dataset("late", "e1", "evaluation"))
    assert (found.began_s, found.ended_s, found.evaluated_s) == (1000.0, 1090.0, 1085.0)
    assert found.evaluated == ("test_accuracy", "validation_loss")
    assert found.commit == "c0ffee0000000000"


@pytest.mark.parametrize(
    "run", [{}, {"info": None, "inputs": []}, {"inputs": {"dataset_inputs": [5, {"dataset": None}]}}]
)
def test_a_run_that_is_gone_or_odd_tells_nothing(run: dict[str, Any]) -> None:
    found = lineage_of(run, {})
    assert (found.run, found.datasets, found.began_s) == ("", (), None)


def test_five_stages_in_their_order_and_unknown_is_said() -> None:
    found = made(version=VersionSummary("3"))
    assert tuple(stage.name for stage in found.stages) == STAGES
    assert not any(stage.known for stage in found.stages)
    assert all(cell.lines[0] == "? not told" for cell in cells(found))
    told = made(lineage_of(RUN, {}))
    assert [stage.known for stage in told.stages] == [True, False, True, True, True]
    assert told.stages[0].digest == "abc123"
    assert "also held (use not said), late (evaluation)" in told.stages[0].detail


def test_several_datasets_of_which_none_says_training_are_no_snapshot() -> None:
    lineage = Lineage(run="r", datasets=(Dataset("a", "1"), Dataset("b", "2")))
    assert not made(lineage).stages[0].known
    assert snapshot_of(VersionSummary("3"), lineage) == ""
    assert snapshot_of(VersionSummary("3"), Lineage(datasets=(Dataset("a", "1"),))) == "1"


def test_a_name_in_a_tag_is_a_snapshot_without_a_digest() -> None:
    stage = made().stages[0]
    assert (stage.known, stage.digest, stage.source) == (True, "scans-2026-11", "tag data_snapshot")


@pytest.mark.parametrize(
    ("good", "of_good", "words", "tone"),
    [
        (None, None, "? No version is known", "unknown"),
        (("3", 900.0), (VERSION, Lineage()), "It is the last known good one", "secondary"),
        (("2", 900.0), (SAME, NOTHING), "same data snapshot", "secondary"),
        (("2", 900.0), (OLD, NOTHING), "another data snapshot: old", "warning"),
        (("2", 900.0), (VersionSummary("2"), Lineage()), "? nobody can tell", "unknown"),
        (("2", 900.0), None, "? nobody can tell", "unknown"),
    ],
)  # fmt: skip
def test_the_known_good_point_and_its_data(good: Any, of_good: Any, words: str, tone: str) -> None:
    said, colour = pipeline_sentence(made(good=good, of_good=of_good), 1000.0)
    assert words in said
    assert colour == tone
