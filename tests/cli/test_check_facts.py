"""What a pipeline measured, given to the command: every rule can speak, and what is misspelt is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlcontrol.adapters.signatures.facts_file import read_facts
from tests.cli.test_check import native, run


@pytest.fixture
def one(tmp_path: Path) -> Path:
    return native(tmp_path / "one.json", "amount", version="1")


FACTS = """
[artifact]
registry_digest = "sha256:a"
computed_digest = "sha256:b"
files_present = true
[probe]
loaded = true
answered = true
exact_binary = true
memory_bytes = 9
memory_limit_bytes = 5
[golden]
score = 0.4
n = 10
minimum = 0.5
critical_failed = ["g1"]
[data]
examples = 5
examples_band = [10, 20]
distances = { amount = [0.3, 0.1] }
important = ["amount"]
serving_slices = ["region=south"]
slice_shares = { "region=north" = [0.5, 0.2] }
[quality]
evaluators = "worse"
offline_metric = 0.99
canary_metric = 0.8
positive_rate = 0.5
positive_rate_band = [0.1, 0.2]
[operation]
freeze = "holidays"
controller = "argo"
drill_age_days = 40.0
quarantined = { "1" = "rolled back" }
target_age_s = 9e6
freshness_slo_s = 1e6
[[operation.replica_binaries]]
name = "a"
frameworks = { sklearn = "1.5" }
[[operation.replica_binaries]]
name = "b"
frameworks = { sklearn = "1.6" }
"""


def test_a_pipeline_may_bring_every_fact(one: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "facts.toml"
    path.write_text(FACTS)
    assert run(one, "--against", one, "--facts", path, "--format", "json") == 1
    told = {f["rule"] for f in json.loads(capsys.readouterr().out)["findings"]}
    brought = {
        "R10",
        "R14",
        "R15",
        "R17",
        "S3",
        "S5",
        "D1",
        "D2",
        "D3",
        "Q1",
        "Q2",
        "Q3",
        "Q4",
        "Q5",
        "O12",
        "P1",
        "P2",
        "P3",
    }
    assert told == brought


@pytest.mark.parametrize(
    "wrong",
    ["[dta]\n", "[data]\nexampels = 5\n", "[data]\nexamples = 'many'\n", "[golden]\nscore = nan\n", "data = 5\n", "x"],
)
def test_facts_that_are_not_understood_are_refused(wrong: str, one: Path, tmp_path: Path) -> None:
    path = tmp_path / "facts.toml"
    path.write_text(wrong)
    assert run(one, "--against", one, "--facts", path) == 3


def test_the_documented_facts_are_understood(tmp_path: Path) -> None:
    written = (Path(__file__).parents[2] / "docs/check.md").read_text()
    path = tmp_path / "facts.toml"
    path.write_text(written.split("## Facts")[1].split("```toml")[1].split("```")[0])
    assert set(read_facts(path)) == {"probe", "golden", "data", "quality", "operation"}
