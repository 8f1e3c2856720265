from __future__ import annotations

from dataclasses import replace

import pytest

from mlcontrol.core import audit
from mlcontrol.core.settings import ConnectionSettings, ServiceSettings, WorkspaceSettings
from mlcontrol.core.types import ConnectionKind, Health
from mlcontrol.gui.viewmodels.audit_rows import chain_words, matches, summary
from mlcontrol.gui.viewmodels.connection_forms import (
    ConnectionDraft,
    connection_errors,
    connection_settings,
    draft_of,
    service_errors,
    tidy_service,
    users_of,
)

REGISTRY = ConnectionSettings("registry", ConnectionKind.REGISTRY, "mlflow", "http://127.0.0.1:5000")
TRITON = ConnectionSettings(
    "triton", ConnectionKind.SERVING, "triton", "http://127.0.0.1:8000", options={"grpc": "127.0.0.1:8001", "x": "kept"}
)
WORKSPACE = WorkspaceSettings(
    "w",
    "/w.toml",
    connections={"registry": REGISTRY, "triton": TRITON},
    services={"digits": ServiceSettings("digits", registry="registry", model="digits", serving=("triton",))},
)


def rows(n: int) -> list[audit.AuditRow]:
    result: list[audit.AuditRow] = []
    for i in range(n):
        body = {"to": str(i), "reason": "errors rose", "from": "1"}
        result.append(
            audit.append(result[-1] if result else None, 10.0 + i, "ada", "deploy.intent", "digits", "op", body)
        )
    return result


def test_a_row_reads_in_one_line_and_is_found_by_its_words() -> None:
    row = rows(3)[2]
    assert summary(row) == "v1 to v2 · “errors rose”"
    assert matches(row, "ADA intent")
    assert not matches(row, "bob")


def test_a_changed_row_is_named_and_what_is_before_it_is_still_good() -> None:
    chain = rows(5)
    chain[3] = replace(chain[3], actor="eve")
    words = chain_words(audit.verify(chain), 5, True, 1.0, 2.0)
    assert words.headline == "Audit row 4 does not verify"
    assert "Rows 1 to 3 verify" in words.sentence
    assert words.health is Health.CRITICAL


def test_a_chain_that_was_never_walked_is_unknown() -> None:
    assert chain_words(None, 7, None, None, 2.0).health is Health.UNKNOWN
    assert chain_words(None, 7, False, 1.0, 2.0).health is Health.CRITICAL
    unread = audit.ChainVerdict(False, 7, "h", None, "the rows fit, but the head cannot be read")
    told = chain_words(unread, 7, None, None, 2.0)
    assert (told.headline, told.health) == ("Not verified", Health.CRITICAL)
    assert chain_words(None, 7, True, 1.0, 2.0).health is Health.OK
    assert chain_words(audit.verify(rows(2)), 7, None, None, 2.0).health is Health.OK


@pytest.mark.parametrize(
    ("draft", "field"),
    [
        (ConnectionDraft(id="", url="http://h"), "id"),
        (ConnectionDraft(id="registry", url="http://h"), "id"),
        (ConnectionDraft(id="a b", url="http://h"), "id"),
        (ConnectionDraft(id="a", url=""), "url"),
        (ConnectionDraft(id="a", url="ftp://h"), "url"),
        (ConnectionDraft(id="a", url="http://:80"), "url"),
        (ConnectionDraft(id="a", url="http://h:99999"), "url"),
        (ConnectionDraft(id="a", url="http://me:secret@h"), "url"),
        (ConnectionDraft(id="a", url="http://h", adapter="jsonl"), "url"),
        (ConnectionDraft(id="a", url="http://h", adapter="parquet"), "url"),
        (ConnectionDraft(id="a", url="s3:///folder", adapter="csv"), "url"),
        (ConnectionDraft(id="a", url="s3://key:secret@logs/folder", adapter="csv"), "url"),
        (ConnectionDraft(id="a", url="s3://logs/folder", adapter="csv", auth="token"), "auth"),
        (ConnectionDraft(id="a", url="s3://logs/folder", adapter="csv", options=(("endpoint", "host:9000"),)), "url"),
        (ConnectionDraft(id="a", url="s3://logs", adapter="triton"), "url"),
        (ConnectionDraft(id="a", url="http://h", adapter="ml-metadata"), "url"),
        (ConnectionDraft(id="a", url="mysql://h:3306", adapter="ml-metadata"), "url"),
        (ConnectionDraft(id="a", url="mysql://:3306/db", adapter="ml-metadata"), "url"),
        (ConnectionDraft(id="a", url="mysql://me:secret@h/db", adapter="ml-metadata"), "url"),
        (ConnectionDraft(id="a", url="mysql://h/db", adapter="ml-metadata", auth="basic"), "username"),
        (ConnectionDraft(id="a", url="mysql://h/db", adapter="sql"), "url"),
        (ConnectionDraft(id="a", url="file:///log", adapter="sql"), "url"),
        (ConnectionDraft(id="a", url="sqlite:///log.db", adapter="sql"), "url"),
        (ConnectionDraft(id="a", url="postgresql+psycopg://me:secret@h/db", adapter="sql"), "url"),
        (ConnectionDraft(id="a", url="http://h", auth="basic"), "username"),
        (ConnectionDraft(id="a", url="http://me@h"), "url"),
        (ConnectionDraft(id="a", url="http://h", poll_s="often"), "poll_s"),
        (ConnectionDraft(id="a", url="http://h", poll_s="nan"), "poll_s"),
    ],
)
def test_each_wrong_field_has_its_error(draft: ConnectionDraft, field: str) -> None:
    assert set(connection_errors(draft, WORKSPACE, None)) == {field}


@pytest.mark.parametrize("url", ["sqlite:////var/log.db", "postgresql+psycopg://h:5432/db"])
def test_a_table_of_predictions_has_its_own_addresses(url: str) -> None:
    assert connection_errors(ConnectionDraft(id="a", url=url, adapter="sql"), WORKSPACE, None) == {}


@pytest.mark.parametrize("url", ["mysql://h/db", "mysql://me@h:3306/db", "postgresql://me@h/db", "sqlite:////m.db"])
def test_a_store_of_lineage_has_its_own_addresses_and_may_name_its_user_there(url: str) -> None:
    assert connection_errors(ConnectionDraft(id="a", url=url, adapter="ml-metadata"), WORKSPACE, None) == {}
    signed = ConnectionDraft(id="a", url=url, adapter="ml-metadata", auth="basic")
    assert set(connection_errors(signed, WORKSPACE, None)) == (set() if "me@" in url else {"username"})


@pytest.mark.parametrize("adapter", ["jsonl", "csv", "parquet"])
def test_a_log_in_files_is_on_this_machine_or_in_an_object_store(adapter: str) -> None:
    assert connection_errors(ConnectionDraft(id="a", url="file:///var/log", adapter=adapter), WORKSPACE, None) == {}
    draft = ConnectionDraft(
        id="a",
        url="s3://logs/predictions",
        adapter=adapter,
        auth="basic",
        username="KEYID",
        options=(("labels", "s3://logs/labels"), ("endpoint", "https://store:9000"), ("region", "")),
    )
    assert connection_errors(draft, WORKSPACE, None) == {}
    made = connection_settings(draft, None)
    assert (made.username, made.secret) == ("KEYID", "keyring")
    assert made.options == {"labels": "s3://logs/labels", "endpoint": "https://store:9000"}


def test_a_store_of_lineage_is_a_file_and_counts_as_used() -> None:
    draft = ConnectionDraft(id="a", url="sqlite:////var/metadata.db", adapter="ml-metadata")
    assert connection_errors(draft, WORKSPACE, None) == {}
    made = connection_settings(draft, None)
    service = replace(WORKSPACE.services["digits"], lineage="a")
    workspace = replace(WORKSPACE, connections=WORKSPACE.connections | {"a": made}, services={"digits": service})
    assert users_of("a", workspace) == ("digits",)
    assert service_errors(service, workspace, "digits") == {}
    wrong = service_errors(replace(service, lineage="registry"), workspace, "digits")
    assert wrong == {"lineage": "registry is a registry connection, not lineage"}


def test_an_edited_connection_keeps_its_name_and_what_the_form_does_not_show() -> None:
    draft = draft_of(TRITON)
    assert connection_errors(draft, WORKSPACE, "triton") == {}
    assert connection_settings(draft, TRITON) == TRITON
    token = connection_settings(replace(draft, auth="token"), TRITON)
    assert token.secret == "keyring"
    assert connection_settings(replace(draft, auth="none"), token).secret == ""


def test_who_would_go_blind_is_said_before_a_connection_is_removed() -> None:
    assert users_of("triton", WORKSPACE) == ("digits",)
    assert users_of("router", WORKSPACE) == ()


def test_a_service_names_only_connections_of_the_right_kind() -> None:
    draft = ServiceSettings("new", registry="triton", serving=("gone",), routing="")
    assert set(service_errors(draft, WORKSPACE, None)) == {"registry", "serving", "model"}
    good = ServiceSettings("new", registry="registry", model="m", serving=("triton",))
    assert service_errors(good, WORKSPACE, None) == {}
    assert tidy_service(good).serving_model == "m"


def test_an_empty_log_proves_nothing() -> None:
    assert chain_words(audit.verify([]), 0, True, 1.0, 2.0).health is Health.UNKNOWN
    assert chain_words(None, 0, True, 1.0, 2.0).health is Health.UNKNOWN
