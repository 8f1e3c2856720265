"""Fault 45: pickles, keras archives and bombs, read by the checker while the kernel watches: nothing is started or called."""

from __future__ import annotations

import io
import os
import pickle
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.adapters.signatures.test_fuzz import BOMBS
from tests.adapters.signatures.test_schema_files import HOSTILE

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed"),
]

MEMORY_BYTES = 1_000_000_000  # of address space, after everything is imported
GROWTH_KB = 150_000  # the largest file has 5 MB of text, and its parts are Python objects
CPU_S = 60

CHILD = """
import resource, sys, yaml, zipfile
from pathlib import Path
import mlcontrol.adapters.signatures.files as files
from mlcontrol.adapters.signatures.bounds import Unreadable
held = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (held + int(sys.argv[1]),) * 2)
resource.setrlimit(resource.RLIMIT_CPU, (int(sys.argv[2]),) * 2)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print("ready", file=sys.stderr, flush=True)  # by which the trace knows where reading begins
if sys.argv[3] == "--twin":
    import pickle
    pickle.loads(Path(sys.argv[4]).read_bytes())
else:
    for name in sys.argv[3:]:
        try:
            files.read_path(Path(name))
        except Unreadable:
            pass
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


class _Runs:
    def __reduce__(self) -> object:
        return os.system, ("true",)


def _keras() -> bytes:
    """A Lambda layer carries code as marshalled text; the weights beside it are a pickle."""
    held = io.BytesIO()
    config = (
        '{"class_name": "Lambda", "config": {"function": {"class_name": "__lambda__", "config": {"code": "4wEAAAA="}}}}'
    )
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("config.json", config)
        archive.writestr("model.weights.h5", pickle.dumps(_Runs()))
    return held.getvalue()


def _files(folder: Path) -> list[str]:
    files = {
        "model.pkl": pickle.dumps(_Runs()),
        "model.joblib": pickle.dumps(_Runs()),
        "model.keras": _keras(),
        "model.h5": b"\x89HDF\r\n\x1a\n" + b"\x00" * 4096,
        **HOSTILE,
        **{f"bomb {name}/{file}": data for name, (file, data) in BOMBS.items()},
    }
    made = []
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        made.append(str(path))
    return made


def traced(folder: Path, *arguments: str) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """The child, and the calls it made since it began to read: starting a program, making a socket, reaching out."""
    trace = folder / "trace"
    command = [
        "strace",
        "-f",
        "-qq",
        "-s",
        "8",
        "-e",
        "trace=execve,execveat,fork,vfork,socket,connect,write",
        "-o",
        trace,
    ]
    child = [sys.executable, "-c", CHILD, str(MEMORY_BYTES), str(CPU_S), *arguments]
    done = subprocess.run([*command, *child], capture_output=True, text=True, timeout=300, check=False)
    calls = [line.split(None, 1)[1] for line in trace.read_text().splitlines()]
    began = next(i for i, call in enumerate(calls) if call.startswith('write(2, "ready'))
    return done, [call for call in calls[began:] if not call.startswith(("write", "+++", "---"))]


def test_nothing_is_started_nobody_is_called_and_memory_is_bounded(tmp_path: Path) -> None:
    done, calls = traced(tmp_path, *_files(tmp_path))
    assert (done.returncode, done.stderr) == (0, "ready\n")
    assert calls == []
    assert int(done.stdout) < GROWTH_KB


def test_twin_a_reader_that_unpickled_would_be_seen(tmp_path: Path) -> None:
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(_Runs()))
    _, calls = traced(tmp_path, "--twin", str(tmp_path / "model.pkl"))
    assert any(call.startswith("execve") for call in calls)
