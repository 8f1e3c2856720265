"""A short name for a workspace's place, for files and sockets of the panel."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QCryptographicHash


def workspace_name(place: Path) -> str:
    """Sixteen hexadecimal digits. By Qt, which is loaded anyway: `hashlib` brings OpenSSL with it, before the first window."""
    whole = QCryptographicHash.hash(str(place).encode(), QCryptographicHash.Algorithm.Sha256)
    return bytes(whole.toHex().data()).decode()[:16]
