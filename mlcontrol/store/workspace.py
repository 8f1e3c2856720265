"""The workspace file `mlcontrol.toml`: read with every fault named, written with a person's comments kept."""

from __future__ import annotations

import os
import tempfile
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import tomlkit
from tomlkit.items import Table

from mlcontrol.core.compatibility.policy import Policy
from mlcontrol.core.compatibility.policy_document import policy_of
from mlcontrol.core.freeze import Freeze
from mlcontrol.core.notify import NotifySettings
from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.core.settings import (
    CampaignSettings,
    ConnectionSettings,
    RolloutSettings,
    ServiceSettings,
    WorkspaceSettings,
)
from mlcontrol.store.database import StoreError

VERSION = 1
Entry = ConnectionSettings | ServiceSettings | Freeze | NotifySettings
GROUPS = {ConnectionSettings: "connections", ServiceSettings: "services", Freeze: "freezes", NotifySettings: "notify"}
T = TypeVar("T", ConnectionSettings, ServiceSettings, Freeze, CampaignSettings, NotifySettings)


def read_workspace(path: Path) -> WorkspaceSettings:
    """Read the file. Entries that cannot be read are left out and named in ``problems``; so is a file that is no TOML.

    Raises `StoreError` when there is no such file or it is of a newer version.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise StoreError(
            Problem(
                f"The workspace {path} cannot be read.", error.strerror or str(error), "Check the path.", "not-found"
            )
        ) from error
    except UnicodeDecodeError as error:
        return WorkspaceSettings(path.stem, str(path), problems=(f"{path.name}: not a text file ({error.reason})",))
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return WorkspaceSettings(path.stem, str(path), problems=(f"{path.name}: {error}",))
    version = document.get("version", VERSION)
    if isinstance(version, int) and version > VERSION:
        raise StoreError(
            Problem(
                f"The workspace {path} was written by a newer mlcontrol.",
                f"It has version {version}; this program knows {VERSION}.",
                "Install the newer version. Nothing was changed.",
                code="store",
            )
        )
    problems: list[str] = []
    environment = _text(document, "environment", "", problems)
    connections = _entries(document, "connections", ConnectionSettings, {}, problems)
    services = _entries(document, "services", ServiceSettings, {"environment": environment}, problems)
    campaigns = _entries(document, "campaigns", CampaignSettings, {}, problems)
    for one in campaigns.values():
        if one.service not in services:
            problems.append(f"[campaigns.{one.id}]: there is no service {one.service!r}")
    _check_references(connections, services, problems)
    policy = _policy(document, problems)
    return WorkspaceSettings(
        name=_text(document, "name", path.stem, problems),
        path=str(path),
        environment=environment,
        store=_text(document, "store", "sqlite:///panel.db", problems),
        connections=connections,
        services=services,
        freezes=_entries(document, "freezes", Freeze, {}, problems),
        campaigns=campaigns,
        policy=policy,
        notify=_entries(document, "notify", NotifySettings, {}, problems),
        problems=tuple(problems),
    )


def put_entry(path: Path, settings: Entry, replaces: str | None = None) -> None:
    """Add or replace one connection, service, freeze or way to people in the file."""
    group = GROUPS[type(settings)]

    def edit(document: tomlkit.TOMLDocument) -> None:
        table = document.setdefault(group, tomlkit.table(is_super_table=True))
        if replaces is not None and replaces != settings.id:
            table.pop(replaces, None)
        entry = table.get(settings.id)
        if not isinstance(entry, Table):
            entry = tomlkit.table()
            table[settings.id] = entry
        for name, value in _plain(settings).items():
            entry[name] = value
        for name in [key for key in entry if key not in _plain(settings)]:
            del entry[name]

    _edit(path, edit)


def remove_entry(path: Path, group: str, entry_id: str) -> None:
    """Remove one entry of a group; nothing happens when it is not there."""

    def edit(document: tomlkit.TOMLDocument) -> None:
        document.get(group, {}).pop(entry_id, None)

    _edit(path, edit)


def create_workspace(path: Path, name: str, environment: str = "") -> None:
    """Write a new, empty workspace file."""
    document = tomlkit.document()
    document["version"] = VERSION
    document["name"] = name
    if environment:
        document["environment"] = environment
    _write(path, tomlkit.dumps(document))


def _edit(path: Path, edit: Callable[[tomlkit.TOMLDocument], None]) -> None:
    try:
        document = tomlkit.parse(path.read_text(encoding="utf-8"))
        edit(document)
        _write(path, tomlkit.dumps(document))
    except (OSError, ValueError) as error:
        raise StoreError(
            Problem(
                f"The workspace {path} was not changed.",
                str(error)[:200],
                "Mend the file or its rights; what you entered was not saved.",
                code="store",
            )
        ) from error


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # made with mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _entries(
    document: Mapping[str, Any], group: str, kind: type[T], defaults: Mapping[str, Any], problems: list[str]
) -> dict[str, T]:
    found = document.get(group, {})
    if not isinstance(found, dict):
        problems.append(f"[{group}]: must be a table of entries")
        return {}
    result: dict[str, T] = {}
    known = {field.name for field in fields(kind)}
    for entry_id, values in found.items():
        place = f"[{group}.{entry_id}]"
        if not isinstance(values, dict):
            problems.append(f"{place}: must be a table")
            continue
        unknown = sorted(set(values) - known)
        if unknown:
            problems.append(f"{place}: does not know {', '.join(unknown)}; left out")
        body = {**defaults, **{k: v for k, v in values.items() if k in known}, "id": entry_id}
        try:
            result[entry_id] = msgspec.convert(body, kind, strict=True)
        except msgspec.ValidationError as error:
            problems.append(f"{place}: {error}")
    return result


def _policy(document: Mapping[str, Any], problems: list[str]) -> Policy:
    """What cannot be read must not be taken for leave: the policy then says so, and every check with it."""
    written = document.get("policy", {})
    try:
        return policy_of(written if isinstance(written, dict) else {"policy": written})
    except ProblemError as error:
        problems.append(f"[policy]: {error.problem.what} {error.problem.why}".rstrip())
        return Policy(problem=f"mend [policy] in the workspace: {error.problem.what}")


def _check_references(
    connections: Mapping[str, ConnectionSettings], services: Mapping[str, ServiceSettings], problems: list[str]
) -> None:
    for service in services.values():
        for connection in service.connections:
            if connection not in connections:
                problems.append(f"[services.{service.id}]: there is no connection {connection!r}")


def _text(document: Mapping[str, Any], name: str, default: str, problems: list[str]) -> str:
    value = document.get(name, default)
    if isinstance(value, str):
        return value
    problems.append(f"{name}: must be a text")
    return default


def _plain(settings: Entry | RolloutSettings) -> dict[str, Any]:
    """What differs from the defaults, as TOML values; the id is the table's name."""
    result: dict[str, Any] = {}
    for field in fields(settings):
        value = getattr(settings, field.name)
        default = field.default_factory() if field.default_factory is not MISSING else field.default
        if field.name == "id" or value == default:
            continue
        if isinstance(value, RolloutSettings):
            value = _plain(value)
        if isinstance(value, dict):
            inline = tomlkit.inline_table()
            inline.update(value)
            result[field.name] = inline
        elif isinstance(value, tuple):
            result[field.name] = list(value)
        else:
            result[field.name] = value.value if hasattr(value, "value") else value
    return result
