"""Whether a server holds the files that were registered: their digests laid beside each other, three-valued.

What the two sides can be asked differs: a registry lists files, a server's model repository adds code of its own or leaves the
registry's notes out, and some servers only carry a digest that somebody wrote into their configuration. So files are paired by name
(or, renamed, by what is in them), and what pairs with nothing says nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from mlcontrol.core.types import Health, Signal, Stamp
from mlcontrol.core.versions import version_name

NOTES = frozenset(
    {
        "MLmodel",
        "conda.yaml",
        "python_env.yaml",
        "requirements.txt",
        "input_example.json",
        "serving_input_example.json",
        "registered_model_meta",
    }
)
"""Files that a registry keeps beside a model; a server may have others of the same name."""


@dataclass(frozen=True, slots=True)
class RegisteredFiles:
    """``files``: ``sha256:`` by path, of the files as they are now; ``recorded``: what was written down at registration."""

    files: Mapping[str, str]
    recorded: str | None = None


@dataclass(frozen=True, slots=True)
class ServedFiles:
    """``files``: ``sha256:`` by path in the version's folder of the server; ``declared``: a digest that the server's configuration
    carries; ``why``: why neither is known, as a clause ("it names no digest")."""

    files: Mapping[str, str] = field(default_factory=dict)
    declared: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class ArtifactMatch:
    """Of one version on one endpoint. ``same`` `None`: nobody can tell, and ``why`` says why. ``name``: the file that both digests
    are of; empty where they are of the version as a whole."""

    version: str
    connection: str
    same: bool | None
    registered: str = ""
    served: str = ""
    name: str = ""
    why: str = ""


def whole_digest(files: Mapping[str, str]) -> str:
    """The digest of a version: ``sha256:`` over the lines ``<sha256 hex>  <path>\\n`` sorted by path."""
    lines = "".join(f"{digest.removeprefix('sha256:')}  {path}\n" for path, digest in sorted(files.items()))
    return "sha256:" + hashlib.sha256(lines.encode()).hexdigest()


def compare(version: str, connection: str, registered: RegisteredFiles, served: ServedFiles) -> ArtifactMatch:
    """The registry's own files against its record first: what was exchanged there is not what anybody registered."""
    whole = whole_digest(registered.files)
    if registered.recorded and registered.recorded != whole:
        why = "The registry's own files are not the ones that were registered."
        return ArtifactMatch(version, connection, False, registered.recorded, whole, why=why)
    if served.files:
        return _by_files(version, connection, registered.files, served.files)
    if served.declared:
        known = {whole, *_of_model(registered.files).values()}
        same = served.declared in known
        why = "" if same else "The server's configuration declares a digest that no registered file has."
        return ArtifactMatch(version, connection, same, whole, served.declared, why=why)
    return ArtifactMatch(version, connection, None, whole, why=f"The server does not say: {served.why or 'no digest'}.")


def _by_files(version: str, connection: str, registered: Mapping[str, str], served: Mapping[str, str]) -> ArtifactMatch:
    mine = _of_model(registered)
    by_name: dict[str, set[str]] = {}
    for path, digest in served.items():
        by_name.setdefault(_name(path), set()).add(digest)
    held = set(served.values())
    for path, digest in mine.items():
        found = by_name.get(_name(path), {digest})
        if digest not in found:  # a copy under another name is not what the server loads
            return ArtifactMatch(version, connection, False, digest, min(found), _name(path))
    present = [path for path, digest in mine.items() if digest in held]
    if not present:
        what = ", ".join(sorted(_name(path) for path in mine)[:3]) or "no model file"
        why = f"The server's folder has no file of the registered names ({what})."
        return ArtifactMatch(version, connection, None, whole_digest(registered), why=why)
    first = present[0]
    return ArtifactMatch(version, connection, True, mine[first], mine[first], _name(first))


def _of_model(files: Mapping[str, str]) -> dict[str, str]:
    return {path: digest for path, digest in files.items() if _name(path) not in NOTES}


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def short(digest: str) -> str:
    """As people compare digests: the first twelve digits."""
    return digest.removeprefix("sha256:")[:12]


def artifact_signal(matches: tuple[ArtifactMatch, ...], version: str | None, at: Stamp | None) -> Signal:
    """Of the version that answers, over all endpoints: one that differs counts, and one that is unknown keeps it from ok."""
    mine = [match for match in matches if match.version == version]
    if version is None or not mine:
        return Signal(
            text="not compared", detail="The files that are served were not compared with the registered ones yet."
        )
    worst = min(mine, key=lambda match: (match.same is not False, match.same is not None))
    named = f"{worst.name} of {version_name(version)}" if worst.name else version_name(version)
    if worst.same is None:
        return Signal(Health.UNKNOWN, "server does not say", f"{worst.connection}: {worst.why}", at=at)
    if not worst.same:
        detail = (
            f"{named} on {worst.connection} is not what was registered: registered {short(worst.registered)}, "
            f"served {short(worst.served)}. {worst.why} Find out who replaced it; roll back (R), or register these files "
            f"as a version of their own."
        )
        text = f"served {short(worst.served)}, registered {short(worst.registered)}"
        return Signal(Health.CRITICAL, text, detail.replace("  ", " "), at=at)
    places = ", ".join(sorted({match.connection for match in mine}))
    return Signal(
        Health.OK, "as registered", f"{named} on {places} has the registered digest {short(worst.served)}.", at=at
    )
