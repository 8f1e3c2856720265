"""Versions as people order and name them."""

from __future__ import annotations

from collections.abc import Iterable


def version_order(version: str) -> tuple[int, int, str]:
    """Numbers by value, before names in their own order: "2" < "10" < "blue"."""
    return (0, int(version), "") if version.isdecimal() else (1, 0, version)


def version_name(version: str) -> str:
    """ "3" is read as "v3"; a version with a name keeps it."""
    return f"v{version}" if version.isdecimal() else version


def version_names(versions: Iterable[str]) -> str:
    """ "v2, v3"; "none" when there is none."""
    return ", ".join(version_name(v) for v in sorted(versions, key=version_order)) or "none"
