"""The digest of a version's artifact directory: sha256 over the lines that `sha256sum` prints for its files."""

from __future__ import annotations

import hashlib
from pathlib import Path


def digest(folder: Path) -> str:
    """``sha256:`` and the hash of ``<hash>  <relative path>`` lines, sorted by path, one per file."""
    files = sorted((file.relative_to(folder).as_posix(), file) for file in folder.rglob("*") if file.is_file())
    lines = "".join(f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {path}\n" for path, file in files)
    return "sha256:" + hashlib.sha256(lines.encode()).hexdigest()
