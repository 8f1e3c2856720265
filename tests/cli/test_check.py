"""The check command, run as a person runs it: its output, its exit codes, its imports and its start-up."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlcontrol.adapters.signatures.files import read_path
from mlcontrol.cli import check
from mlcontrol.core.compatibility.check import compare
from mlcontrol.core.compatibility.policy import Policy
from mlcontrol.core.compatibility.present import markdown
from mlcontrol.core.compatibility.reader import READERS
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.signature import Field, Signature
from mlcontrol.testing.fleet import RunningFleet


def native(path: Path, *names: str, **more: Any) -> Path:
    inputs = [{"name": n, "type": "float64", "shape": [-1], "required": True, "nullable": False} for n in names]
    outputs = [{"name": "score", "type": "float32", "shape": [-1]}]
    stated = {"runtime": {"framework": "sklearn", "version": "1.5.0"}, **more}
    path.write_text(
        json.dumps({"schema": "mlcontrol.signature/1", "name": "fraud", "inputs": inputs, "outputs": outputs, **stated})
    )
    return path


def run(*argv: object) -> int:
    parser = argparse.ArgumentParser()
    check.add_parser(parser.add_subparsers())
    args = parser.parse_args(["check", *map(str, argv)])
    return int(args.run(args))


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path, Path]:
    return (
        native(tmp_path / "one.json", "amount", version="1"),
        native(tmp_path / "two.json", "amount", "age", version="2"),
        native(tmp_path / "lost.json", "amount", inputs=None),
    )


def test_json(files: tuple[Path, Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    one, two, _ = files
    assert run(two, "--against", one, "--reader", "mlflow", "--format", "json") == 1
    body = json.loads(capsys.readouterr().out)
    assert (body["schema"], body["reader"], body["deploy"], body["one_way"]) == (
        "mlcontrol.check/1",
        "mlflow",
        "block",
        False,
    )
    assert (body["candidate"], body["current"]) == (str(two), str(one))
    finding = body["findings"][0]
    assert (finding["rule"], finding["direction"], finding["verdict"], finding["subject"]) == (
        "I1",
        "deploy",
        "block",
        "inputs.age",
    )
    assert finding["evidence"] == {"level": "declared", "candidate": "float64 [-1] required", "current": "absent"}
    assert finding["why"]
    assert finding["remedy"]
    assert "runtime of the serving binary" in body["unknowns"]


def test_exit_codes(files: tuple[Path, Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, two, lost = files
    assert run(one, "--against", one) == 0
    assert run(two, "--against", one) == 1
    assert run(one, "--against", two, "--reader", "mlflow") == 1  # deploys with a warning, and there is no way back
    assert run(lost, "--against", one) == 2
    assert run(tmp_path / "nothing", "--against", one) == 3
    assert run("service:fraud", "--against", one, "--workspace", tmp_path / "no.toml") == 3
    told = capsys.readouterr()
    assert "does not exist" in told.err
    assert "There is no workspace file" in told.err
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    assert run(broken, "--against", one) == 3
    assert capsys.readouterr().out == ""


def test_text_has_the_two_answers_first(files: tuple[Path, Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    one, two, _ = files
    run(one, "--against", two, "--reader", "mlflow")
    lines = capsys.readouterr().out.splitlines()
    assert "Deploy" in lines[0]
    assert "Yes, with 1 warning" in lines[0]
    assert "Come back" in lines[2]
    assert "No: one-way door" in lines[2]
    assert any("To fix: keep it as an optional input" in line for line in lines)


def test_junit(files: tuple[Path, Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    one, two, lost = files
    run(two, "--against", one, "--format", "junit")
    root = ElementTree.fromstring(capsys.readouterr().out)
    assert len(root.findall(".//failure")) == int(root.get("failures", "0")) > 0
    run(lost, "--against", one, "--format", "junit")
    root = ElementTree.fromstring(capsys.readouterr().out)
    assert len(root.findall(".//error")) == int(root.get("errors", "0")) > 0
    assert len(root.findall(".//testcase")) == int(root.get("tests", "0"))


def test_markdown(files: tuple[Path, Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    one, two, _ = files
    assert run(two, "--against", one, "--reader", "mlflow", "--format", "markdown") == 1
    out = capsys.readouterr().out
    assert out.startswith("**Deploy `")
    assert "- **I1** age is new and required" in out


def test_names_cannot_command_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evil = "a\x1b[2J\u202e]]><script>"
    one, two = native(tmp_path / "one.json", "b"), native(tmp_path / "two.json", "b", evil)
    run(two, "--against", one)
    assert "\x1b" not in capsys.readouterr().out
    run(two, "--against", one, "--format", "junit")
    assert ElementTree.fromstring(capsys.readouterr().out) is not None
    new, old = Signature("m", inputs=(Field(evil, "int64", required=True),)), Signature("m", inputs=())
    assert "<script>" not in markdown(compare(new, old, READERS["mlflow"])).replace("\\<", "")


def test_names_that_cannot_be_written_are_escaped(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    one, two = native(tmp_path / "one.json", "b"), native(tmp_path / "two.json", "b", "half \ud800")
    for form in ("json", "text", "junit"):
        assert run(two, "--against", one, "--reader", "mlflow", "--format", form) == 1
        out = capfdbinary.readouterr().out
        if form == "json":
            assert "inputs.half \ud800" in {f["subject"] for f in json.loads(out)["findings"]}
        start = "import sys; from mlcontrol.cli.main import main; sys.exit(main(sys.argv[1:]))"
        command = [sys.executable, "-c", start, "check", str(two), "--against", str(one), "--format", form]
        done = subprocess.run(
            command, capture_output=True, env={**os.environ, "PYTHONIOENCODING": "ascii"}, check=False
        )
        assert (done.returncode, done.stderr) == (1, b"")
        assert done.stdout.isascii()


@pytest.mark.parametrize(
    "entry",
    [
        '[[ignore]]\nrule = "I1"\nowner = "ann"\nexpires = 2999-01-01\nmodle = "other"\n',
        '[[severity]]\nrule = "I1"\nverdict = "warn"\nmodel = ["fraud"]\n',
        '[[override]]\nrule = "S2"\nby = "ann"\nenviroment = "staging"\n',
        "[limits]\nmin_domain_mass = 7\n",
        "[limits]\nsize_delta = -1\n",
        "environment = 5\n",
    ],
)
def test_a_misspelt_policy_is_refused_and_does_not_hold_for_everything(
    entry: str, files: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    one, two, _ = files
    policy = tmp_path / "policy.toml"
    policy.write_text(entry)
    assert run(two, "--against", one, "--reader", "mlflow", "--policy", policy) == 3


def test_policy_ignores_until_its_day_and_says_when_it_is_over(
    files: tuple[Path, Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two, _ = files
    policy = tmp_path / "policy.toml"
    entry = '[[ignore]]\nrule = "I1"\nowner = "ann"\nreason = "callers are ready"\nexpires = {}\n'
    policy.write_text(entry.format("2999-01-01"))
    assert run(two, "--against", one, "--reader", "mlflow", "--policy", policy) == 0
    assert "Ignored by ann: callers are ready" in " ".join(capsys.readouterr().out.split())
    policy.write_text(entry.format("2020-01-01"))
    assert run(two, "--against", one, "--reader", "mlflow", "--policy", policy) == 1
    assert "The ignore of I1 has expired" in capsys.readouterr().out
    policy.write_text('[[severity]]\nrule = "I1"\nverdict = "warn"\nmodel = "fr*"\n')
    assert run(two, "--against", one, "--reader", "mlflow", "--policy", policy) == 0
    policy.write_text('[[severity]]\nrule = "I1"\nverdict = "pass"\n')
    assert run(two, "--against", one, "--policy", policy) == 3
    policy.write_text('[[ignore]]\nrule = "I1"\nexpires = 2999-01-01\n')
    assert run(two, "--against", one, "--policy", policy) == 3


def test_the_workspace_says_the_policy_where_a_reference_is_looked_up_in_it(
    files: tuple[Path, Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two, _ = files
    workspace = tmp_path / "mlcontrol.toml"
    workspace.write_text(
        'environment = "production"\n[services.fraud]\nenvironment = "staging"\n'
        '[[policy.severity]]\nrule = "I1"\nverdict = "warn"\nenvironment = "staging"\n'
        '[[policy.override]]\nrule = "I1"\nby = ["ann", "bob"]\nenvironment = "production"\n'
    )
    signature = read_path(one)
    monkeypatch.setattr(check, "resolve_reference", lambda reference, workspace: (signature, "mlflow"))
    assert run(two, "--against", one, "--workspace", workspace, "--reader", "mlflow") == 1, "files alone have none"
    assert "may override" not in capsys.readouterr().out
    assert run(two, "--against", "service:fraud", "--workspace", workspace) == 0
    assert run(two, "--against", "mlflow:registry/fraud/1", "--workspace", workspace) == 1
    assert "By policy ann or bob may override it, with a reason." in capsys.readouterr().out


def test_policy_cannot_make_quality_block_a_rollback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, two = native(tmp_path / "a.json", "b", size_bytes=100), native(tmp_path / "b.json", "b", size_bytes=140)
    policy = tmp_path / "policy.toml"
    policy.write_text('[[severity]]\nrule = "S1"\nverdict = "block"\n')
    assert run(two, "--against", one, "--policy", policy, "--format", "json") == 1
    body = json.loads(capsys.readouterr().out)
    assert (body["deploy"], body["rollback"]) == ("block", "warn")


def test_observed_runtime_and_consumers(
    files: tuple[Path, Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two, _ = files
    log = tmp_path / "log.jsonl"
    log.write_text("".join(json.dumps({"inputs": {"amount": 1.5, "age": 3}}) + "\n" for _ in range(20)) + "not json\n")
    assert run(two, "--against", one, "--reader", "mlflow", "--observed", log) == 0
    assert "All 20 requests seen already carry it" in capsys.readouterr().out
    runtime = tmp_path / "runtime.toml"
    runtime.write_text('name = "r"\npython = "3.11"\n[frameworks]\nsklearn = "1.5"\n')
    bare = native(tmp_path / "bare.json", "amount", runtime=None)
    assert run(bare, "--against", bare, "--runtime", runtime) == 2  # nobody says what the model was made with
    assert run(bare, "--against", bare) == 2
    assert run(one, "--against", one, "--runtime", runtime) == 0
    consumers = tmp_path / "consumers.json"
    consumers.write_text('{"reads": ["score"], "matched_by": "name", "typed": true}')
    assert run(one, "--against", one, "--consumers", consumers) == 0
    consumers.write_text('{"typed": "yes"}')
    assert run(one, "--against", one, "--consumers", consumers) == 3


def test_reference_goes_through_the_hook(files: tuple[Path, Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    one, _, _ = files
    asked: list[tuple[str, Path | None]] = []

    def resolve(reference: str, workspace: Path | None) -> tuple[Signature, str | None]:
        asked.append((reference, workspace))
        if reference == "service:gone":
            raise ProblemError(Problem("No such service.", code="not-found"))
        return read_path(one), "triton"

    monkeypatch.setattr(check, "resolve_reference", resolve)
    monkeypatch.setattr(check, "workspace_policy", lambda workspace, service: Policy())
    assert run("mlflow:reg/fraud@champion", "--against", one) == 0
    assert run("service:gone", "--against", one) == 3
    assert asked == [("mlflow:reg/fraud@champion", None), ("service:gone", None)]


def test_imports_neither_qt_nor_a_framework(files: tuple[Path, Path, Path]) -> None:
    one, two, _ = files
    code = (
        "import argparse, sys\nfrom mlcontrol.cli import check\n"
        "p = argparse.ArgumentParser(); check.add_parser(p.add_subparsers())\n"
        f"a = p.parse_args(['check', {str(two)!r}, '--against', {str(one)!r}]); code = a.run(a)\n"
        "heavy = {'PySide6', 'numpy', 'pandas', 'scipy', 'sqlalchemy', 'requests', 'duckdb', 'pyqtgraph', 'mlflow', 'onnx'}\n"
        "found = heavy & {m.partition('.')[0] for m in sys.modules}\n"
        "assert not found, found\nsys.exit(code)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1, done.stderr


def test_two_thousand_columns_in_half_a_second(machine_second: float) -> None:
    fields = tuple(Field(f"c{i}", "float64", (-1,), True, False, tensor=False) for i in range(2000))
    other = tuple(replace(f, name=f"n{i}" if i % 10 == 0 else f.name, type="float32") for i, f in enumerate(fields))
    start = time.process_time()
    compare(Signature("m", "2", other, ()), Signature("m", "1", fields, ()), READERS["mlflow"])
    assert time.process_time() - start < machine_second / 2


@pytest.mark.real
@pytest.mark.timeout(300)
def test_references_on_the_running_fleet(running_fleet: RunningFleet, capsys: pytest.CaptureFixture[str]) -> None:
    where = ("--workspace", running_fleet.workspace, "--format", "json")

    def checked(candidate: str, current: str) -> tuple[int, dict[str, Any]]:
        code = run(candidate, "--against", current, *where)
        told = capsys.readouterr()
        return code, json.loads(told.out) if told.out else {"err": told.err}

    code, body = checked("mlflow:registry/progression/4", "service:progression")
    assert (code, body["reader"], body["deploy"], body["rollback"]) == (1, "triton", "block", "block")
    assert {f["rule"] for f in body["findings"] if f["verdict"] == "block"} == {"I6"}
    code, body = checked("mlflow:registry/diamond-cut/4", "mlflow:registry/diamond-cut@champion")
    assert (code, {f["rule"] for f in body["findings"] if f["verdict"] == "block"}) == (1, {"I27"})
    assert checked("mlflow:registry/digits/3", "service:digits")[0] == 0
    for missing in (
        "mlflow:registry/digits/99",
        "mlflow:registry/digits@nobody",
        "mlflow:nowhere/digits/1",
        "service:none",
        "mlflow:x",
    ):
        code, body = checked(missing, "service:digits")
        assert code == 3, (missing, body)
        assert body["err"]
