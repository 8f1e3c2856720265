"""Files of a server's model repository: digests, and the bounds that a hostile or changing folder meets."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from mlcontrol.adapters.serving import repository_files
from mlcontrol.adapters.serving.oip import declared_in
from mlcontrol.adapters.serving.repository_files import RepositoryFiles
from mlcontrol.ports.errors import TimedOut


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "repository" / "digits" / "1"
    (folder / "data").mkdir(parents=True)
    (folder / "model.onnx").write_bytes(b"weights")
    (folder / "data" / "words.txt").write_bytes(b"a b c")
    return tmp_path / "repository"


def digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def test_every_file_by_its_path(root: Path) -> None:
    found = RepositoryFiles().read(root, root / "digits" / "1", 5.0)
    assert dict(found.files) == {"data/words.txt": digest(b"a b c"), "model.onnx": digest(b"weights")}


def test_a_file_that_is_exchanged_is_read_again_also_with_its_old_time_and_size(root: Path) -> None:
    files, path = RepositoryFiles(), root / "digits" / "1" / "model.onnx"
    before = path.stat()
    files.read(root, root / "digits" / "1", 5.0)
    other = root / "other"
    other.write_bytes(b"WEIGHTS")
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(path)
    assert files.read(root, root / "digits" / "1", 5.0).files["model.onnx"] == digest(b"WEIGHTS")


def test_what_did_not_change_is_not_read_twice(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = RepositoryFiles()
    first = files.read(root, root / "digits" / "1", 5.0)

    def never(*_: object) -> None:
        raise AssertionError("read again")

    monkeypatch.setattr(repository_files.os, "open", never)
    assert files.read(root, root / "digits" / "1", 5.0) == first


def test_links_that_lead_out_and_pipes_are_passed_over(root: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"key")
    folder = root / "digits" / "1"
    (folder / "leak").symlink_to(tmp_path / "secret")
    os.mkfifo(folder / "pipe")
    assert set(RepositoryFiles().read(root, folder, 5.0).files) == {"data/words.txt", "model.onnx"}
    outside = RepositoryFiles().read(root, tmp_path, 5.0)
    assert not outside.files
    assert outside.why


def test_twin_without_the_look_at_where_a_link_leads_the_secret_would_be_read(root: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"key")
    (root / "digits" / "1" / "leak").symlink_to(tmp_path / "secret")
    assert "leak" in RepositoryFiles().read(tmp_path, root / "digits" / "1", 5.0).files


@pytest.mark.parametrize(("name", "value"), [("CAP_BYTES", 5), ("MAX_FILES", 2)])
def test_too_much_is_said_and_not_read(root: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: int) -> None:
    monkeypatch.setattr(repository_files, name, value)
    found = RepositoryFiles().read(root, root / "digits" / "1", 5.0)
    assert not found.files
    assert "more than" in found.why


def test_a_slow_disk_ends_at_the_deadline(root: Path) -> None:
    with pytest.raises(TimedOut):
        RepositoryFiles().read(root, root / "digits" / "1", -1.0)


def test_a_declared_digest_in_both_forms_and_of_one_version() -> None:
    ours, other = digest(b"a"), digest(b"b")
    assert declared_in({"digest": {"string_value": ours}}, "1").declared == ours
    assert declared_in({"digest": other, "digest.1": ours}, "1").declared == ours
    for nothing in (None, {}, {"digest": "sha256:short"}, {"digest": {"string_value": 5}}, []):
        assert declared_in(nothing, "1").why
