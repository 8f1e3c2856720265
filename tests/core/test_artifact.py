"""Served digest against registered digest: same, other, or nobody can tell."""

from __future__ import annotations

import hashlib

import pytest

from mlcontrol.core.artifact import (
    ArtifactMatch,
    RegisteredFiles,
    ServedFiles,
    artifact_signal,
    compare,
    short,
    whole_digest,
)
from mlcontrol.core.types import Health, Stamp

A, B, C = (f"sha256:{letter * 64}" for letter in "abc")
REGISTERED = {"MLmodel": C, "model.onnx": A, "requirements.txt": C}
NOW = Stamp(0.0, 0.0, 1)


def match(served: ServedFiles, recorded: str | None = None) -> ArtifactMatch:
    return compare("2", "triton", RegisteredFiles(REGISTERED, recorded), served)


def test_the_digest_of_a_version_is_that_of_the_lines_sha256sum_prints() -> None:
    lines = f"{'a' * 64}  data/model.onnx\n{'b' * 64}  model.py\n"
    expected = "sha256:" + hashlib.sha256(lines.encode()).hexdigest()
    assert whole_digest({"model.py": B, "data/model.onnx": A}) == expected


@pytest.mark.parametrize(
    ("served", "same"),
    [
        (ServedFiles({"model.onnx": A, "model.py": B}), True),
        (ServedFiles({"1/weights.onnx": A}), True),  # renamed, and the same
        (ServedFiles({"model.onnx": A, "requirements.txt": B}), True),  # the server has notes of its own
        (ServedFiles({"model.onnx": B}), False),
        (ServedFiles({"model.onnx": B, "model.onnx.kept": A}), False),  # a copy is not what is loaded
        (ServedFiles({"model.plan": B}), None),  # compiled for the server: it cannot be told
        (ServedFiles(declared=A), True),
        (ServedFiles(declared=whole_digest(REGISTERED)), True),
        (ServedFiles(declared=B), False),
        (ServedFiles(why="it names no digest"), None),
    ],
)
def test_three_answers(served: ServedFiles, same: bool | None) -> None:
    assert match(served).same is same


def test_what_the_server_holds_counts_more_than_what_its_configuration_says() -> None:
    assert match(ServedFiles({"model.onnx": B}, declared=A)).same is False


def test_files_exchanged_in_the_registry_are_not_what_was_registered() -> None:
    found = match(ServedFiles({"model.onnx": A}), recorded=B)
    assert (found.same, found.registered) == (False, B)


def test_a_difference_shows_both_digests_and_what_to_do() -> None:
    signal = artifact_signal((match(ServedFiles({"model.onnx": B})),), "2", NOW)
    assert signal.health is Health.CRITICAL
    assert short(A) in signal.detail
    assert short(B) in signal.detail
    assert "model.onnx of v2 on triton" in signal.detail
    assert "roll back" in signal.detail


def test_one_endpoint_that_differs_or_is_silent_counts_for_all() -> None:
    same, other = match(ServedFiles({"model.onnx": A})), match(ServedFiles({"model.onnx": B}))
    silent = match(ServedFiles(why="it names no digest"))
    assert artifact_signal((same, silent, other), "2", NOW).health is Health.CRITICAL
    unknown = artifact_signal((same, silent), "2", NOW)
    assert (unknown.health, unknown.text) == (Health.UNKNOWN, "server does not say")
    assert artifact_signal((same,), "2", NOW).health is Health.OK


def test_another_versions_files_prove_nothing_of_the_one_that_answers() -> None:
    assert artifact_signal((match(ServedFiles({"model.onnx": A})),), "3", NOW).health is Health.UNKNOWN
