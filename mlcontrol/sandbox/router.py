"""HAProxy's two maps: which version answers in each role, and the canary's share. Live through the admin socket; kept on disk."""

from __future__ import annotations

import socket

from mlcontrol.sandbox import jsonfile
from mlcontrol.sandbox.layout import Layout
from mlcontrol.sandbox.servers import MODELS

VERSIONS, SHARES = "ver.map", "pct.map"
CHAMPION = "2"


def write_first_maps(layout: Layout) -> None:
    """The maps of a new fleet: the champion everywhere, no canary. Leaves existing maps alone."""
    layout.maps.mkdir(exist_ok=True)
    first = {
        VERSIONS: {f"{model}-{role}": CHAMPION for model in MODELS for role in ("stable", "canary")},
        SHARES: dict.fromkeys(MODELS, "0"),
    }
    for name, entries in first.items():
        if not (layout.maps / name).is_file():
            save(layout, name, entries)


def save(layout: Layout, name: str, entries: dict[str, str]) -> None:
    jsonfile.write_text(layout.maps / name, "".join(f"{key} {value}\n" for key, value in entries.items()))


def saved(layout: Layout, name: str) -> dict[str, str]:
    lines = (layout.maps / name).read_text().splitlines()
    return dict(line.split(maxsplit=1) for line in lines if line and not line.startswith("#"))


def command(port: int, line: str) -> str:
    """One line to the admin socket. Raises `OSError` when it does not answer within two seconds."""
    with socket.create_connection(("127.0.0.1", port), timeout=2.0) as connection:
        connection.sendall(line.encode() + b"\n")
        parts = []
        while part := connection.recv(65_536):
            parts.append(part)
    return b"".join(parts).decode().strip()


def live(layout: Layout, port: int, name: str) -> dict[str, str]:
    """A map as HAProxy has it now."""
    rows = (line.split() for line in command(port, f"show map {layout.maps / name}").splitlines())
    return {row[1]: row[2] for row in rows if len(row) == 3}


def set_entry(layout: Layout, port: int, name: str, key: str, value: str) -> None:
    """Raises `RuntimeError` with HAProxy's own words if it refuses."""
    refusal = command(port, f"set map {layout.maps / name} {key} {value}")
    if refusal:
        raise RuntimeError(f"HAProxy refused to set {key}: {refusal}")


def persist(layout: Layout, port: int, held_back: dict[str, str]) -> None:
    """Copies the live maps to disk, so that a restart routes the same. ``held_back``: version entries that a fault has
    changed, with the values to keep instead."""
    versions = live(layout, port, VERSIONS)
    shares = live(layout, port, SHARES)
    if versions and shares:
        save(layout, VERSIONS, {**versions, **held_back})
        save(layout, SHARES, shares)
