"""Names of files that a registry lists lead nowhere: the one file that is fetched goes into a folder of its own, and is gone after.

The panel downloads no model. It asks for one model file whose types it reads, under a name of its own, within a size.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mlcontrol.adapters.registry.mlflow_files import MlflowFiles
from mlcontrol.adapters.registry.mlflow_model_file import CAP_BYTES, MlflowModelFile
from mlcontrol.adapters.signatures.reading import read_here
from mlcontrol.core.problem import Problem
from mlcontrol.core.signature import Signature
from mlcontrol.ports.documents import Document
from mlcontrol.ports.errors import Unexpected

HOSTILE = (
    "../x", "..", ".", "", "/etc/passwd", "a/../../b", "a//b", "a/./b", "a\\..\\b", "C:\\x", "x\0y", "x\ny", "a/\u202eb",
)  # fmt: skip
DECLARED = Signature("digits", "3")


class Server:
    """What the files are asked of. ``rows``: its listing; ``body``: of every file. ``caps``: how much was asked for at most."""

    def __init__(self, *paths: str, body: bytes = b"") -> None:
        self.settings = SimpleNamespace(id="registry")
        self.rows = [{"path": path, "is_dir": False, "file_size": len(body)} for path in paths]
        self.body = body
        self.caps: list[int] = []
        self.asked: list[str] = []

    def get_json(self, path: str, deadline_s: float, asked: Any = None) -> Any:
        return {"files": self.rows}

    def stream(self, call: Any, consume: Any, deadline_s: float, cap_bytes: int) -> Any:
        self.asked.append(call.params["path"])
        self.caps.append(cap_bytes)
        consume(self.body)
        return SimpleNamespace(status=200)

    def unexpected(self, why: str) -> Unexpected:
        return Unexpected(Problem("It sent an answer that cannot be used.", why, code="unexpected"))


def listed(server: Server) -> list[str]:
    return [file.path for file in MlflowFiles(server).listing("digits", "3", "m-1", 5.0)]  # type: ignore[arg-type]


@pytest.mark.parametrize("name", HOSTILE, ids=repr)
def test_a_name_that_leads_elsewhere_ends_the_listing(name: str) -> None:
    """Fault 61."""
    with pytest.raises(Unexpected, match="leads elsewhere"):
        listed(Server("model.onnx", name))


def test_twin_without_the_check_it_would_be_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MlflowFiles, "_checked", lambda _self, path: path)
    assert "../x" in listed(Server("model.onnx", "../x"))


def test_the_one_file_that_is_fetched_goes_under_its_own_name_and_is_gone() -> None:
    """Fault 61: names that are one where case or accents do not count, names of devices, and depth change nothing of where the
    bytes go; nothing but a regular file in a private folder is written, and it does not outlive the reading."""
    twice = (
        "model.onnx",
        "MODEL.ONNX",
        "CON",
        "NUL/model.pt",
        "caf\u00e9.bin",
        "cafe\u0301.bin",
        "deep/" * 20 + "model.onnx",
    )
    server = Server(*twice, body=b"bytes of a model")
    places: list[Path] = []

    def read(document: Document) -> Signature:
        place = Path(document.text)
        places.append(place)
        assert [path.name for path in place.parent.iterdir()] == ["model.onnx"]
        assert place.parent.stat().st_mode & 0o077 == 0
        assert not place.is_symlink()
        return DECLARED

    MlflowModelFile(MlflowFiles(server), read).laid_over(DECLARED, "digits", "3", "m-1", 5.0)  # type: ignore[arg-type]
    assert [place.name for place in places] == ["model.onnx"]
    assert not places[0].parent.exists()
    assert (server.asked, server.caps) == (["model.onnx"], [CAP_BYTES])


def test_one_that_is_listed_as_too_large_is_not_asked_for() -> None:
    server = Server("model.onnx")
    server.rows[0]["file_size"] = CAP_BYTES + 1
    found = MlflowModelFile(MlflowFiles(server), read_here).laid_over(DECLARED, "digits", "3", "m-1", 5.0)  # type: ignore[arg-type]
    assert server.asked == []
    assert any("more than" in words for words in found.sources)
