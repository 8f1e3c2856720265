"""The files beside the two versions: understood, or refused with the entry that is wrong."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from mlcontrol.adapters.signatures.bounds import Unreadable
from mlcontrol.adapters.signatures.files import read_path
from mlcontrol.adapters.signatures.side_files import (
    read_consumers,
    read_payloads,
    read_policy,
    read_runtime,
    requests_of,
)


def test_every_item_of_a_batch_is_a_request() -> None:
    tensors = [
        {"name": "a", "shape": [2, 2, 2], "data": [1, 2, 3, 4, 5, 6, 7, 8]},
        {"name": "b", "shape": [2, 1], "data": [7, 8]},
    ]
    assert list(requests_of({"inputs": tensors})) == [
        {"a": [[1, 2], [3, 4]], "b": 7},
        {"a": [[5, 6], [7, 8]], "b": 8},
    ]
    assert list(requests_of({"inputs": [{"name": "a", "shape": [1, 2], "data": [[1, 2]]}]})) == [{"a": [1, 2]}]
    assert list(requests_of({"inputs": [{"name": "a", "shape": [0, 2], "data": [1, 2]}]})) == [{"a": [1, 2]}]
    with pytest.raises(ValueError, match="names"):
        list(requests_of({"inputs": [[1, 2]]}))


@pytest.mark.parametrize("row", ['{"dataframe_split": {"data": [[1]]}}', '{"inputs": [[1, 2]]}', "5", "{"])
def test_a_log_that_is_not_understood_is_refused(row: str, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text(f"{row}\n{row}\n")
    with pytest.raises(Unreadable):
        read_payloads(log)


def test_an_empty_file_is_said_to_be_empty_and_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    for name in ("MLmodel", "config.pbtxt", "x.json"):
        (tmp_path / name).write_text(" \n")
        with pytest.raises(Unreadable, match="empty"):
            read_path(tmp_path / name)
    os.mkfifo(tmp_path / "pipe.toml")
    for read in (read_policy, read_runtime, read_consumers, read_payloads):
        with pytest.raises(Unreadable):
            read(tmp_path / "pipe.toml")


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (read_consumers, 'reeds = ["y"]\n'),
        (read_runtime, 'pyton = "3.11"\n'),
        (read_runtime, "python = 3.10\n"),
        (read_runtime, "[frameworks]\nsklearn = 1.10\n"),
    ],
)
def test_what_is_told_beside_is_understood_or_refused(
    read: Callable[[Path], object], text: str, tmp_path: Path
) -> None:
    """1.10 without quotes is 1.1, and a misspelt key would pass for a thing that nobody told."""
    path = tmp_path / "side.toml"
    path.write_text(text)
    with pytest.raises(Unreadable):
        read(path)
