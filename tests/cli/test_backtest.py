"""`mlcontrol backtest`: files as people have them, one JSON document, exit codes a pipeline can act on."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlcontrol.cli.main import main
from tests.core.signals.scenarios import START_S, ar, times


def csv_of(path: Path, values: np.ndarray, step_s: float = 60.0, name: str = "value") -> Path:
    rows = [
        f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S},{v!r}"
        for at, v in zip(times(values.size, step_s), values.tolist(), strict=True)
    ]
    path.write_text(f"timestamp,{name}\n" + "\n".join(rows) + "\n")
    return path


@pytest.fixture
def stepped(tmp_path: Path) -> Path:
    values = 0.98 + 0.03 * ar(np.random.default_rng(1), 600, 0.4)
    values[400:] += 0.93
    return csv_of(tmp_path / "latency.csv", values)


def ask(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, dict[str, Any], str]:
    code = main(["backtest", *map(str, words), "--format", "json"])
    said = capsys.readouterr()
    return code, json.loads(said.out) if said.out else {}, said.err


def test_the_document(stepped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, document, _ = ask(capsys, stepped)
    assert code == 1
    assert document["schema"] == "mlcontrol.backtest/1"
    assert document["rows"] == 600
    (alert,) = document["alerts"]
    assert {"at", "until", "rule", "kind", "severity", "value", "limit"} <= set(alert)
    assert alert["kind"] == "spc"
    assert alert["value"] > 1.5 > alert["limit"]
    (change,) = document["change_points"]
    assert change["index"] == 400
    assert change["before"] == pytest.approx(0.98, abs=0.02)
    assert change["after"] == pytest.approx(1.91, abs=0.02)
    assert change["confidence"] >= 0.97
    assert change["at"] == datetime.fromtimestamp(START_S + 400 * 60, UTC).isoformat(timespec="milliseconds").replace(
        "+00:00", "Z"
    )
    assert alert["at"] == change["at"]
    assert document["expected_false_alarms_per_week"] > 0


def test_text_says_the_same(stepped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backtest", str(stepped)]) == 1
    said = capsys.readouterr().out
    assert "adaptive" in said
    assert "Expected false alarms" in said


def test_nothing_to_say_is_0_and_too_little_to_say_is_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    calm = csv_of(tmp_path / "calm.csv", np.random.default_rng(3).normal(size=500))
    assert ask(capsys, calm)[0] == 0
    few = csv_of(tmp_path / "few.csv", np.random.default_rng(3).normal(size=30))
    code, document, said = ask(capsys, few)
    assert code == 2
    assert document["expected_false_alarms_per_week"] is None
    assert "too few" in said
    (tmp_path / "empty.csv").write_text("")
    assert ask(capsys, tmp_path / "empty.csv")[0] == 2


def test_rules(stepped: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text('[[rule]]\nname = "latency_p99"\nkind = "threshold"\nabove = 1.2\nseverity = "critical"\n')
    code, document, _ = ask(capsys, stepped, "--rules", rules)
    (alert,) = document["alerts"]
    assert code == 1
    assert (alert["rule"], alert["kind"], alert["severity"], alert["limit"]) == (
        "latency_p99",
        "threshold",
        "critical",
        1.2,
    )
    assert alert["until"] is None
    rules.write_text('[[rule]]\nname = "x"\nkind = "threshold"\nabove = 1\nseries = "nope"\n')
    code, document, said = ask(capsys, stepped, "--rules", rules)
    assert (code, document) == (3, {})
    assert "nope" in said
    rules.write_text("[[rule]]\nname = 1")
    assert ask(capsys, stepped, "--rules", rules)[0] == 3


def test_a_saved_range_query_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    at_s, rng = times(300), np.random.default_rng(4)
    jump = [
        [at, str(v + 8 * (i >= 200))]
        for i, (at, v) in enumerate(zip(at_s.tolist(), rng.normal(size=300).tolist(), strict=True))
    ]
    jump[50][1] = "NaN"
    answer = {
        "status": "success",
        "data": {"resultType": "matrix", "result": [{"metric": {"__name__": "p99", "v": "3"}, "values": jump}]},
    }
    path = tmp_path / "range.json"
    path.write_text(json.dumps(answer))
    code, document, _ = ask(capsys, path)
    assert code == 1
    assert document["series"] == ['p99{v="3"}']
    assert [c["index"] for c in document["change_points"]] == [200]
    path.write_text('{"status": "error", "error": "parse error"}')
    code, _, said = ask(capsys, path)
    assert code == 3
    assert "parse error" in said


def test_a_counter_is_judged_by_its_rate_and_a_restart_is_no_incident(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    counts = np.cumsum(np.random.default_rng(5).poisson(50, size=800)).astype(float)
    counts[500:] -= counts[500] - 20
    code, document, said = ask(capsys, csv_of(tmp_path / "c.csv", counts, name="requests_total"))
    assert "1 restarts" in said
    assert document["alerts"] == []
    assert document["change_points"] == []
    assert code == 0


@pytest.mark.parametrize("name", ["errors_total", "errors"])
def test_a_count_of_what_is_rare_is_a_counter_too(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Most readings add nothing: it never falls, so its level is no level."""
    counts = np.cumsum(np.random.default_rng(8).poisson(0.05, size=1500)).astype(float)
    _, document, said = ask(capsys, csv_of(tmp_path / "c.csv", counts, name=name))
    assert "is a counter" in said
    assert document["change_points"] == []


def test_a_named_counter_that_restarts_early_is_still_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It had counted little by then: 500 before, 350 a minute after. By Prometheus' rule every fall is a restart."""
    counts = np.cumsum(np.random.default_rng(9).poisson(100, size=800)).astype(float)
    counts[5:] -= counts[4] - 250
    _, document, said = ask(capsys, csv_of(tmp_path / "c.csv", counts, name="requests_total"))
    assert "1 restarts" in said
    assert document["alerts"] == []


def test_a_count_by_interval_is_no_counter(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    counts = np.random.default_rng(10).poisson(100, size=800).astype(float)
    _, _, said = ask(capsys, csv_of(tmp_path / "c.csv", counts, name="request_count"))
    assert "is a counter" not in said


def test_times_in_any_form_and_order(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    values = np.random.default_rng(6).normal(size=200) + 9 * (np.arange(200) >= 120)
    rows = [f"{1000 * at:.0f};{v};words" for at, v in zip(times(200).tolist(), values.tolist(), strict=True)]
    path = tmp_path / "ms.csv"
    path.write_text("ts;a;b\n" + "\n".join(reversed(rows)) + "\nnonsense;1;x\n")
    _, document, said = ask(capsys, path)
    assert document["series"] == ["a"]
    assert [c["index"] for c in document["change_points"]] == [120]
    assert "1 rows have no readable time" in said
    assert "'b' holds words" in said


@pytest.mark.parametrize("content", ["\x00\x01", "name,value\nx,1\ny,2\n", "{}", '{"data": 3}', "{" * 2000])
def test_what_is_no_series_cannot_run(tmp_path: Path, content: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.csv"
    path.write_text(content)
    assert ask(capsys, path)[0] in (2, 3)
    assert ask(capsys, tmp_path / "absent.csv")[0] == 3


def test_it_starts_in_a_moment_without_the_libraries_that_take_seconds_to_load(tmp_path: Path) -> None:
    path = csv_of(tmp_path / "x.csv", np.random.default_rng(3).normal(size=300))
    asked = (
        "import sys; from mlcontrol.cli.main import main; "
        f"code = main(['backtest', {str(path)!r}]); print(code, {{'scipy', 'ruptures', 'pandas'}} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, timeout=100, check=True)
    assert done.stdout.splitlines()[-1] == "0 set()"


def test_long_work_says_where_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlcontrol.cli.backtest.QUIET_S", -1.0)
    rng = np.random.default_rng(3)
    rows = [f"{at},{a},{b}" for at, a, b in zip(times(200), rng.normal(size=200), rng.normal(size=200), strict=True)]
    (tmp_path / "x.csv").write_text("timestamp,a,b\n" + "\n".join(rows))
    _, document, said = ask(capsys, tmp_path / "x.csv")
    assert document["series"] == ["a", "b"]
    assert "Series 2 of 2: b, 200 rows" in said


def test_ctrl_c_ends_it_with_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("mlcontrol.core.alerts.backtest.evaluate", stopped)
    monkeypatch.setattr("mlcontrol.core.alerts.backtest.adaptive", stopped)
    path = csv_of(tmp_path / "x.csv", np.random.default_rng(3).normal(size=300))
    assert main(["backtest", str(path)]) == 3
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("Cancelled.")


def test_a_calm_series_of_every_second_is_not_said_to_cry_wolf(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A few hours are simulated: that nothing was seen in them does not mean a dozen alarms a week."""
    calm = csv_of(tmp_path / "calm.csv", np.random.default_rng(3).normal(size=1200), step_s=1.0)
    _, document, _ = ask(capsys, calm)
    assert document["alerts"] == []
    assert 0 < document["expected_false_alarms_per_week"] <= 0.6
    jumpy = np.random.default_rng(3).normal(size=1200)
    jumpy[::60] *= 1 + 40 * np.random.default_rng(4).random(20)  # wilder than any chart's budget bears
    _, document, _ = ask(capsys, csv_of(tmp_path / "wild.csv", jumpy, step_s=1.0))
    assert document["expected_false_alarms_per_week"] > 1
