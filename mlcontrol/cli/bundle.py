"""What `mlcontrol doctor --bundle` packs for a bug report: findings, workspace file, the tail of the engine's log; no secret."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path
from typing import Any

from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.engine.place import engine_place

TAIL_BYTES = 400_000

_USERINFO = re.compile(r"(?<=://)[^/\s\"'@]+@")
_NAMED = re.compile(
    r"""(?ix)
    ( \b (?: [\w-]* (?: password | passwd | secret | token | api[_-]?key | authkey ) | authorization ) ["']? \s* [=:] \s* )
    ( "[^"\n]*" | '[^'\n]*' | (?: (?: bearer | basic ) \s+ )? [^\s,;&"'}]+ )
    """
)
_SCHEME = re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9+/_.=-]{6,}")
_HARMLESS = re.compile(r"""^["']?(?:keyring|env:\w+|none|basic|token)?["']?$""")


def without_secrets(text: str) -> str:
    """Userinfo in addresses, and values of names like password or token, are replaced by ``***``.

    Where a secret is kept (``keyring``, ``env:NAME``) is no secret and stays.
    """

    def cover(found: re.Match[str]) -> str:
        return found[0] if _HARMLESS.match(found[2]) else f"{found[1]}***"

    return _SCHEME.sub(r"\1 ***", _NAMED.sub(cover, _USERINFO.sub("***@", text)))


def write_bundle(file: Path, findings: dict[str, Any], workspace: Path | None) -> None:
    """Raises `ProblemError` when the file cannot be written."""
    parts = {"doctor.json": json.dumps(findings, ensure_ascii=False, indent=2)}
    if workspace is not None:
        place = engine_place(workspace)
        parts["mlcontrol.toml"] = _tail(workspace)
        parts["engine.log"] = _tail(place.log)
        parts["engine.out"] = _tail(place.output)
        parts["engine.crash"] = _tail(place.log.with_suffix(".crash"))
    try:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as bundle:
            for name, text in parts.items():
                bundle.writestr(name, without_secrets(text))
    except OSError as error:
        raise ProblemError(
            Problem(f"{file} cannot be written.", error.strerror or "", "Name another file.", code="usage")
        ) from error


def _tail(path: Path) -> str:
    try:
        with path.open("rb") as source:
            source.seek(max(0, path.stat().st_size - TAIL_BYTES))
            return source.read().decode(errors="replace")
    except OSError as error:
        return f"({path.name}: {error.strerror})\n"
