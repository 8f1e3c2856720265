"""Connections and services as forms: text in, settings or errors by field out. Nothing here asks a server."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from mlcontrol.core.settings import ConnectionSettings, ServiceSettings, WorkspaceSettings
from mlcontrol.core.types import ConnectionKind

ADAPTERS: dict[str, tuple[ConnectionKind, str, str]] = {
    "mlflow": (ConnectionKind.REGISTRY, "MLflow registry", "http://host:5000"),
    "triton": (ConnectionKind.SERVING, "Triton server", "http://host:8000"),
    "haproxy": (ConnectionKind.ROUTING, "HAProxy router", "http://host:8080"),
    "prometheus-text": (ConnectionKind.METRICS, "Prometheus text endpoint", "http://host:9090/metrics"),
    "prometheus-api": (ConnectionKind.METRICS, "Prometheus, Thanos, Mimir, VictoriaMetrics", "http://host:9090"),
    "alertmanager": (ConnectionKind.ALERTS, "Alertmanager", "http://host:9093"),
    "jsonl": (ConnectionKind.PREDICTIONS, "Prediction log (JSON Lines)", "file:///… or s3://bucket/…"),
    "csv": (ConnectionKind.PREDICTIONS, "Prediction log (CSV)", "file:///… or s3://bucket/…"),
    "parquet": (ConnectionKind.PREDICTIONS, "Prediction log (Parquet)", "file:///… or s3://bucket/…"),
    "sql": (ConnectionKind.PREDICTIONS, "Prediction log (SQL table)", "postgresql+psycopg://host:5432/database"),
    "ml-metadata": (
        ConnectionKind.LINEAGE,
        "ML Metadata store",
        "mysql://host:3306/metadb, postgresql://… or sqlite:////…",
    ),
}
"""What can be connected: adapter name -> kind, words, example address."""

_FILES = (
    ("labels", "folder of the labels"),
    ("feedback", "folder of the users' feedback"),
    ("columns", "other names, time=created_at"),
    ("endpoint", "S3 endpoint, https://host:9000"),
    ("region", "S3 region, if not us-east-1"),
)

OPTIONS: dict[str, tuple[tuple[str, str], ...]] = {
    "triton": (("grpc", "gRPC address, host:port (loads go over it)"),),
    "prometheus-api": (("selector", 'label matchers for every query, cluster="prod"'),),
    "haproxy": (
        ("admin", "runtime socket, host:port or unix path"),
        ("version_map", "version map file as HAProxy knows it"),
        ("share_map", "share map file as HAProxy knows it"),
    ),
    "jsonl": _FILES,
    "csv": _FILES,
    "parquet": _FILES,
    "sql": (
        ("table", "table of the predictions, schema.name"),
        ("labels", "table of the labels"),
        ("columns", "other names of columns, time=created_at, version=model"),
        ("order", "column that only grows, if not the time"),
    ),
}

UNCHECKED = dict.fromkeys(("sql", "ml-metadata"), "empty: the server's certificate is not checked")
"""Adapters that do without a certificate authority: in the field's own words."""

_ON_FILES = ("jsonl", "csv", "parquet")
_SCHEMES = {
    **dict.fromkeys(_ON_FILES, ("file", "s3")),
    "sql": ("postgresql+psycopg", "sqlite"),
    "ml-metadata": ("mysql", "postgresql", "sqlite"),
}
_DATABASES = ("mysql", "postgresql", "postgresql+psycopg")
_ID = re.compile(r"[a-z0-9][a-z0-9_.-]{0,59}")


@dataclass(frozen=True, slots=True)
class ConnectionDraft:
    """What stands in the form, as typed."""

    id: str = ""
    adapter: str = "mlflow"
    url: str = ""
    auth: str = "none"
    username: str = ""
    ca_file: str = ""
    poll_s: str = "5"
    options: tuple[tuple[str, str], ...] = ()


def draft_of(settings: ConnectionSettings) -> ConnectionDraft:
    return ConnectionDraft(
        settings.id,
        settings.adapter,
        settings.url,
        settings.auth,
        settings.username,
        settings.ca_file,
        f"{settings.poll_s:g}",
        tuple(settings.options.items()),
    )


def connection_errors(draft: ConnectionDraft, workspace: WorkspaceSettings, replaces: str | None) -> dict[str, str]:
    """Error by field name, in words; empty when the draft can be tried."""
    errors: dict[str, str] = {}
    if not _ID.fullmatch(draft.id):
        errors["id"] = "lower-case letters, digits, dot, dash; 60 at most"
    elif draft.id in workspace.connections and draft.id != replaces:
        errors["id"] = f"{draft.id} is taken"
    if draft.adapter not in ADAPTERS:
        errors["adapter"] = "choose what it is"
    if problem := _url_problem(draft.url, draft.adapter):
        errors["url"] = problem
    options = dict(draft.options)
    if draft.adapter in _ON_FILES and draft.url.strip().startswith("s3://") and "url" not in errors:
        if draft.auth == "token":
            errors["auth"] = "sign in with key id and secret"
        endpoint = options.get("endpoint", "").strip()
        if endpoint and (problem := _url_problem(endpoint, "")):
            errors["url"] = f"the object store's address: {problem}"
    if draft.auth == "basic" and not (draft.username.strip() or _names_its_user(draft.url)):
        errors["username"] = "basic sign-in needs a user name"
    try:
        poll_s = float(draft.poll_s)
    except ValueError:
        poll_s = -1.0
    if not 1 <= poll_s <= 3600:
        errors["poll_s"] = "seconds between 1 and 3600"
    return errors


def _url_problem(url: str, adapter: str) -> str:
    if not url.strip():
        return "where does it answer?"
    try:
        parts = urlsplit(url.strip())
        _ = parts.port
    except ValueError:
        return "this is no address: the port must be a number up to 65535"
    if parts.password or (parts.username and parts.scheme not in _DATABASES):
        refused = "password" if parts.scheme in _DATABASES else "user name or password"
        return f"no {refused} in the address: choose a sign-in below"
    wanted = _SCHEMES.get(adapter, ("http", "https"))
    if parts.scheme not in wanted:
        return f"must begin with {' or '.join(s + '://' for s in wanted)}"
    if parts.scheme in ("file", "sqlite"):
        whole = parts.path.startswith("//" if parts.scheme == "sqlite" else "/")
        return "" if whole else f"needs a full path: {parts.scheme}://{'/' if parts.scheme == 'sqlite' else ''}/folder"
    if parts.scheme == "s3":
        return "" if parts.netloc else "needs a bucket: s3://bucket/folder"
    if parts.hostname and parts.scheme in _DATABASES and parts.path in ("", "/"):
        return f"needs a database: {parts.scheme}://host/database"
    return "" if parts.hostname else "the host is missing"


def _names_its_user(url: str) -> bool:
    """A database's address may: it is a name, no secret."""
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        return False
    return parts.scheme in _DATABASES and bool(parts.username)


def connection_settings(draft: ConnectionDraft, before: ConnectionSettings | None) -> ConnectionSettings:
    """The settings a draft without errors stands for; what the form does not show is kept from ``before``."""
    known = {name for name, _ in OPTIONS.get(draft.adapter, ())}
    options = {name: value.strip() for name, value in draft.options if value.strip()}
    if before is not None and before.adapter == draft.adapter:
        options = {**{k: v for k, v in before.options.items() if k not in known}, **options}
    secret = ""
    if draft.auth != "none":
        secret = before.secret if before is not None and before.secret else "keyring"
    return ConnectionSettings(
        id=draft.id,
        kind=ADAPTERS[draft.adapter][0],
        adapter=draft.adapter,
        url=draft.url.strip(),
        auth=draft.auth,
        username=draft.username.strip() if draft.auth == "basic" else "",
        secret=secret,
        ca_file=draft.ca_file.strip(),
        poll_s=float(draft.poll_s),
        options=options,
    )


def users_of(connection: str, workspace: WorkspaceSettings) -> tuple[str, ...]:
    """Services that would go blind without this connection."""
    return tuple(service.id for service in workspace.services.values() if connection in service.connections)


SERVICE_KINDS = ("image-classifier", "tabular-classifier", "tabular-regressor")


def service_errors(draft: ServiceSettings, workspace: WorkspaceSettings, replaces: str | None) -> dict[str, str]:
    """Error by field name, in words."""
    errors: dict[str, str] = {}
    if not _ID.fullmatch(draft.id):
        errors["id"] = "lower-case letters, digits, dot, dash; 60 at most"
    elif draft.id in workspace.services and draft.id != replaces:
        errors["id"] = f"{draft.id} is taken"
    for field, name, kind in (
        ("registry", draft.registry, ConnectionKind.REGISTRY),
        ("routing", draft.routing, ConnectionKind.ROUTING),
        ("predictions", draft.predictions, ConnectionKind.PREDICTIONS),
        ("lineage", draft.lineage, ConnectionKind.LINEAGE),
    ):
        if name and (problem := _reference_problem(name, kind, workspace)):
            errors[field] = problem
    for field, names, kind in (
        ("serving", draft.serving, ConnectionKind.SERVING),
        ("metrics", draft.metrics, ConnectionKind.METRICS),
    ):
        problems = [p for name in names if (p := _reference_problem(name, kind, workspace))]
        if problems:
            errors[field] = problems[0]
    if not draft.serving:
        errors["serving"] = "at least one endpoint that serves it"
    if draft.registry and not draft.model:
        errors["model"] = "the name in the registry"
    return errors


def _reference_problem(name: str, kind: ConnectionKind, workspace: WorkspaceSettings) -> str:
    found = workspace.connections.get(name)
    if found is None:
        return f"there is no connection {name}"
    return "" if found.kind is kind else f"{name} is a {found.kind.value} connection, not {kind.value}"


def tidy_service(draft: ServiceSettings) -> ServiceSettings:
    """Fill what follows from the rest: served and routed under the registry's name."""
    model = draft.model or draft.serving_model
    return replace(
        draft, serving_model=draft.serving_model or model, route=draft.route or (model if draft.routing else "")
    )
