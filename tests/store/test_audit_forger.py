"""A forger who knows the format of an export and writes its seals anew is found by the chain, or it is said what is not known."""

from __future__ import annotations

import hashlib
import runpy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mlcontrol.core import audit as chain
from mlcontrol.core.audit import AuditRow, Field
from mlcontrol.core.audit_export import Checkpoint, _sealed
from tests.store.test_audit_export import VERIFIER, alone, chain_of, parsed, run_alone, text_of


def digest_of(name: str, field: dict[str, Any]) -> str:
    return chain.field_digest(Field(name, chain.canonical(field["value"]), field["salt"]))


def resealed(lines: list[dict[str, Any]]) -> bytes:
    """Written anew by somebody who knows the format: each line's own digest fits again."""
    link, text = chain.GENESIS, ""
    for line in lines:
        line.pop("line", None)
        sealed = _sealed(line, link)
        link = sealed[-66:-2]
        text += sealed + "\n"
    return text.encode()


def change_value(lines: list[dict[str, Any]]) -> None:
    lines[2]["fields"]["body.to"]["value"] = "3"


def change_withheld(lines: list[dict[str, Any]]) -> None:
    lines[2]["fields"]["actor"]["digest"] = "0" * 64


def add_a_field(lines: list[dict[str, Any]]) -> None:
    lines[2]["fields"]["body.approved"] = {"value": True, "salt": "00"}


def add_a_word_beside(lines: list[dict[str, Any]]) -> None:
    lines[2]["comment"] = "approved"


def rehash(lines: list[dict[str, Any]]) -> None:
    change_value(lines)
    lines[2]["hash"] = alone["row_hash"](lines[2])


def drop(lines: list[dict[str, Any]]) -> None:
    del lines[2]


def swap(lines: list[dict[str, Any]]) -> None:
    lines[2], lines[3] = lines[3], lines[2]


def repeat(lines: list[dict[str, Any]]) -> None:
    lines.insert(2, dict(lines[1]))


def value_beside_a_digest(lines: list[dict[str, Any]]) -> None:
    """Withheld and shown at once: the chain comes out of the digest, and a person reads the value."""
    withheld = lines[2]["fields"]["actor"]["digest"]
    lines[2]["fields"]["actor"] = {"digest": withheld, "value": "eve", "salt": "00"}


def word_in_a_field(lines: list[dict[str, Any]]) -> None:
    lines[2]["fields"]["body.to"]["note"] = "approved"


def two_fields_in_one_digest(lines: list[dict[str, Any]]) -> None:
    """What is hashed is lines: a digest with a line end in it stands for a field that nobody is shown."""
    fields = list(lines[2]["fields"].items())
    first, second = fields[0][1]["digest"], digest_of(*fields[1])
    lines[2]["fields"] = {"actor": {"digest": f'{first}\n"action" {second}'}, **dict(fields[2:])}


def hide_a_row(lines: list[dict[str, Any]]) -> None:
    place = {name: lines[2][name] for name in ("seq", "at_s", "previous", "hash")}
    lines[2] = {"schema": "mlcontrol.audit-row/1", **place, "withheld": True}
    lines[-1]["withheld"] = []


def hide_more_than_is_said(lines: list[dict[str, Any]]) -> None:
    field = lines[2]["fields"]["service"]
    lines[2]["fields"]["service"] = {"digest": digest_of("service", field)}


def add_a_word_at_the_end(lines: list[dict[str, Any]]) -> None:
    lines[-1]["comment"] = "approved"


@pytest.mark.parametrize(
    ("forge", "row"),
    [
        (change_value, 3),
        (change_withheld, 3),
        (add_a_field, 3),
        (add_a_word_beside, 3),
        (rehash, 4),
        (drop, 3),
        (swap, 3),
        (repeat, 3),
        (value_beside_a_digest, 3),
        (word_in_a_field, 3),
        (two_fields_in_one_digest, 3),
        (hide_a_row, 7),
        (hide_more_than_is_said, 7),
        (add_a_word_at_the_end, 7),
    ],
    ids=lambda found: getattr(found, "__name__", ""),
)
def test_a_forger_who_knows_the_format_is_found_by_the_chain(forge: Any, row: int) -> None:
    lines = parsed(text_of(chain_of(6), ("actor", "body.reason")))
    assert alone["verify"](resealed([dict(line) for line in lines]))["ok"]
    forge(lines)
    verdict = alone["verify"](resealed(lines))
    assert (verdict["ok"], verdict["first_bad"]) == (False, row), verdict


@pytest.mark.parametrize(
    ("true", "forged"),
    [
        ('"fields":{', '"fields":{"body.to":{"value":"9","salt":"00"},'),
        ('"seq":3', '"seq":9,"seq":3'),
        ('{"value":"2"', '{"value":"9","value":"2"'),
    ],
)
def test_what_is_said_twice_is_not_believed_once(true: str, forged: str) -> None:
    """Of a name that occurs twice one reader takes the first and another the last."""
    link, text = chain.GENESIS, b""
    for n, line in enumerate(text_of(chain_of(6)).decode().splitlines(), 1):
        bare = line[: -len(',"line":"') - 66].replace(true, forged if n == 3 else true)
        link = hashlib.sha256(f"{link}{bare}".encode()).hexdigest()
        text += f'{bare},"line":"{link}"}}\n'.encode()
    verdict = alone["verify"](text)
    assert (verdict["ok"], verdict["first_bad"]) == (False, 3), verdict


def test_a_line_nested_without_end_is_a_broken_log_and_no_crash() -> None:
    bare = '{"schema":' + "[" * 100_000
    seal = hashlib.sha256(f"{chain.GENESIS}{bare}".encode()).hexdigest()
    assert alone["verify"](f'{bare},"line":"{seal}"}}\n'.encode())["first_bad"] == 1


def test_twin_without_the_rows_hashes_a_resealed_forgery_passes() -> None:
    blind = runpy.run_path(str(VERIFIER))
    blind["verify"].__globals__["row_hash"] = lambda row: None
    lines = parsed(text_of(chain_of(6)))
    change_value(lines)
    assert blind["verify"](resealed(lines))["ok"]


def signed_by(key: Any, row: AuditRow) -> Checkpoint:
    bare = Checkpoint(row.seq, row.hash, 1.9e9, key.public_key().public_bytes_raw().hex())
    return replace(bare, signature=key.sign(bare.message).hex())


def test_rows_after_the_last_signature_are_not_called_signed(tmp_path: Path) -> None:
    """Written anew from row 6 on, with the newer checkpoint left out: the older one fits, and proves nothing of those rows."""
    ours, theirs = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    rows = chain_of(8)
    first, last = signed_by(ours, rows[4]), signed_by(ours, rows[7])
    forged = rows[:5]
    for k in range(5, 8):
        forged.append(
            chain.append(forged[-1], 1.8e9 + k, "eve", "deploy.intent", "digits", "o", {"to": "9"}, f"{k:032x}")
        )
    key = first.public_key.upper()
    whole = run_alone(tmp_path, text_of(rows, (), (first, last)), "--public-key", key, "--head", f"8:{rows[7].hash}")
    assert (whole.returncode, whole.stdout.count("\n")) == (0, 1), whole.stdout
    for points in ((first,), (first, signed_by(theirs, forged[7]))):
        ran = run_alone(tmp_path, text_of(forged, (), points), "--public-key", key)
        assert ran.returncode == 2
        assert "Rows 6 to 8 are signed by no checkpoint of that key" in ran.stdout
        assert "Whether rows are missing at the end is not known" in ran.stdout
    unasked = run_alone(tmp_path, text_of(forged, (), (signed_by(theirs, forged[7]),)))
    assert (unasked.returncode, "a log written anew would hold as well" in unasked.stdout) == (0, True)


@pytest.mark.parametrize("head", ["0:" + "a" * 64, "-1:" + "a" * 64, "3:", "3:xyz", "3"])
def test_a_head_that_is_none_is_a_usage_error(tmp_path: Path, head: str) -> None:
    assert run_alone(tmp_path, text_of(chain_of(3)), f"--head={head}").returncode == 3
