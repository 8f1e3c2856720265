#!/usr/bin/env python3
"""Verifies an exported mlcontrol audit log. Needs Python 3.9 and nothing else; read it before you trust it.

    python3 verify_audit.py EXPORT.jsonl [--head SEQ:HASH] [--public-key HEX] [--json]

--head        a row that was written down elsewhere (the panel keeps its newest outside the database): catches an export that
              was made from a cut log or from a restored backup
--public-key  the panel's key: every checkpoint signed with it must fit the rows (needs the `cryptography` package)

Without --head it cannot be known whether rows are missing at the end, without --public-key who wrote the log: both are said.

Exit codes: 0 the log holds, 1 it does not (the first bad row is named), 2 it holds but a signature could not be checked, or the
last rows are signed by no checkpoint of that key, 3 usage.
"""

import argparse
import hashlib
import json
import sys

GENESIS = "0" * 64
ROW, OLD_ROW, END = "mlcontrol.audit-row/2", "mlcontrol.audit-row/1", "mlcontrol.audit-end/2"
PLACE = {"schema", "seq", "at_s", "previous", "hash", "line"}
SHAPES = {
    ROW: (PLACE | {"fields"},),
    OLD_ROW: (PLACE | {"withheld"}, PLACE | {"actor", "action", "service", "operation", "body"}),
}
END_SHAPE = {"schema", "rows", "head", "withheld", "checkpoints", "line"}
ONLY_DIGEST, SHOWN = {"digest"}, {"value", "salt"}
HEX = frozenset("0123456789abcdef")
TAIL = len(',"line":"') + 64 + len('"}')


class Bad(Exception):
    """The row that does not fit, and why."""


def line_is_whole(line, link):
    """Whether the line ends with the digest of itself and of the line before it (``link``: that line's digest)."""
    return (
        line[-66:-2] == hashlib.sha256(link + line[:-TAIL]).hexdigest().encode()
        and line[-TAIL:-66] == b',"line":"'
        and line[-2:] == b'"}'
    )


_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode
_string, _quoted = json.encoder.encode_basestring, json.encoder.encode_basestring_ascii


def canonical(value):
    return _string(value) if type(value) is str else _encode(value)


def once(pairs):
    """A JSON object whose names occur once: of a name that is written twice some readers take the first, some the last."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Bad("says the same thing twice")
    return found


parse = json.JSONDecoder(object_pairs_hook=once).decode


def is_digest(text):
    return isinstance(text, str) and len(text) == 64 and HEX.issuperset(text)


def row_hash(row):
    """The hash that the row's fields come to; None for an old row that was withheld as a whole."""
    if row["schema"] == OLD_ROW:
        if "withheld" in row:
            return None
        names = ("actor", "action", "service", "operation", "body")
        text = json.dumps(
            [row["seq"], repr(row["at_s"]), *(row[name] for name in names), row["previous"]], ensure_ascii=False
        )
        return hashlib.sha256(text.encode()).hexdigest()
    lines = [f"mlcontrol.audit/2 {row['seq']} {row['at_s']!r} {row['previous']}"]
    for name, field in row["fields"].items():
        # Either its digest or what it comes to, and nothing beside: a value next to a digest would be read and never checked.
        if field.keys() == ONLY_DIGEST and is_digest(field["digest"]):
            found = field["digest"]
        elif field.keys() == SHOWN and isinstance(field["salt"], str):
            text = f"{field['salt']}:{name}:{canonical(field['value'])}"
            found = hashlib.sha256(text.encode()).hexdigest()
        else:
            raise Bad(f"shows the field {name!r} as no export does")
        lines.append(f"{_quoted(name)} {found}")
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def check_row(row, position, link):
    """Raises Bad unless the row is the one that must stand here."""
    if set(row) not in SHAPES.get(row.get("schema"), ()) or row.get("withheld", True) is not True:
        raise Bad("is not a row of an audit export")
    if row["seq"] != position:
        raise Bad(f"is missing or out of order (found row {row['seq']!r})")
    if row["previous"] != link:
        raise Bad("does not continue the row before it")
    found = row_hash(row)
    if found is not None and found != row["hash"]:
        raise Bad("was changed after it was written")


def names_withheld(row):
    """What of a row is withheld, by name; "*": all of it."""
    if row["schema"] == OLD_ROW:
        return {"*"} if "withheld" in row else set()
    return {name for name, field in row["fields"].items() if "digest" in field}


def check_end(end, count, head, withheld):
    """Raises Bad unless the last line is the one that belongs to these rows."""
    if set(end) != END_SHAPE:
        raise Bad("is missing: the last line is not the end of an audit export")
    if end["rows"] != count or end["head"] != head:
        raise Bad("is missing: the end of the export does not fit its rows")
    said = set(end["withheld"])
    if (withheld - said - {"*"}) or ("*" in withheld and not said):
        raise Bad("is missing: the end of the export does not say all that is withheld")


def signed(checkpoint):
    """Whether the signature fits: True, False, or None when the `cryptography` package is not there."""
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError:
        return None
    message = f"mlcontrol.audit-checkpoint/1 {checkpoint['seq']} {checkpoint['hash']} {checkpoint['at_s']!r}"
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(checkpoint["public_key"]))
        key.verify(bytes.fromhex(checkpoint["signature"]), message.encode())
    except (InvalidSignature, ValueError):
        return False
    return True


def verify(data, head=None, public_key=""):
    """``data``: the bytes of an export. Returns a dictionary: ok, rows, head, first_bad, why, checkpoints, unchecked."""
    verdict = {"ok": False, "rows": 0, "head": GENESIS, "first_bad": None, "why": "", "checkpoints": 0, "unchecked": 0}
    verdict.update(signed_to=0, hidden_rows=0, remarks=[])
    count = 0
    hashes = {}
    withheld = set()
    end = None
    public_key = public_key.lower()
    try:
        lines = data.split(b"\n")
        if lines[-1] == b"":
            lines.pop()
        seal = GENESIS.encode()
        for line in lines:
            if end is not None:
                raise Bad("comes after the end of the log")
            if not line_is_whole(line, seal):
                raise Bad("is not written as an export writes it: a byte of it or of its place was changed")
            seal = line[-66:-2]
            entry = parse(line.decode())
            if entry.get("schema") == END:
                end = entry
                continue
            check_row(entry, count + 1, verdict["head"])
            count += 1
            verdict["head"] = hashes[count] = entry["hash"]
            if b'"digest":' in line or b"\\u" in line or entry["schema"] == OLD_ROW:  # a name may be written escaped
                hidden = names_withheld(entry)
                verdict["hidden_rows"] += "*" in hidden
                withheld |= hidden
        if end is None or not data.endswith(b"\n"):
            raise Bad("is missing: the end of the export was cut")
        check_end(end, count, verdict["head"], withheld)
        if head is not None and hashes.get(head[0]) != head[1]:
            count = min(count, head[0] - 1)
            raise Bad("is not the row that was written down elsewhere: the tail was cut or a backup was restored")
        for point in end["checkpoints"]:
            fits = hashes.get(point["seq"]) == point["hash"]
            sound = signed(point)
            if not fits or sound is False:
                count = min(count, max(0, point["seq"] - 1))
                raise Bad("does not fit the checkpoint that was signed for it")
            if public_key and point["public_key"] != public_key:
                continue
            verdict["checkpoints"] += 1
            verdict["unchecked"] += sound is None
            verdict["signed_to"] = max(verdict["signed_to"], point["seq"])
        if public_key and not verdict["checkpoints"]:
            count = 0
            raise Bad("and all after it are not covered by any checkpoint of that key")
        verdict["ok"] = True
    except Bad as bad:
        verdict["first_bad"], verdict["why"] = count + 1, str(bad)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        verdict["first_bad"], verdict["why"] = count + 1, f"cannot be read ({type(error).__name__})"
    verdict["rows"] = count
    if verdict["ok"]:
        verdict["remarks"] = remarks(verdict, head, public_key)
    return verdict


def remarks(verdict, head, public_key):
    """What is not known although the log holds, one sentence each."""
    found = []
    if head is None:
        found.append("Whether rows are missing at the end is not known: no --head was given.")
    if not public_key:
        found.append(
            "Who signed it is not known: no --public-key was given, and a log written anew would hold as well."
        )
    elif verdict["signed_to"] < verdict["rows"]:
        found.append(f"Rows {verdict['signed_to'] + 1} to {verdict['rows']} are signed by no checkpoint of that key.")
    if verdict["hidden_rows"]:
        found.append(f"{verdict['hidden_rows']} old rows are withheld as a whole: of them only the chain is known.")
    if verdict["unchecked"]:
        found.append(f"{verdict['unchecked']} signatures were not checked: `cryptography` is not installed.")
    return found


def in_doubt(verdict, public_key):
    """Whether what was asked about its signatures could not be answered with yes."""
    return bool(public_key) and (verdict["unchecked"] > 0 or verdict["signed_to"] < verdict["rows"])


def main(argv):
    parser = argparse.ArgumentParser(description="Verify an exported mlcontrol audit log.")
    parser.add_argument("export")
    parser.add_argument("--head", metavar="SEQ:HASH")
    parser.add_argument("--public-key", default="", metavar="HEX")
    parser.add_argument("--json", action="store_true")
    try:
        args = parser.parse_args(argv)
        head = None
        if args.head:
            seq, _, found = args.head.partition(":")
            if not seq.isdecimal() or int(seq) < 1 or not is_digest(found):
                raise ValueError(f"{args.head!r} is no head: write SEQ:HASH.")
            head = (int(seq), found)
        with open(args.export, "rb") as file:
            data = file.read()
    except SystemExit as stop:
        return 3 if stop.code else 0
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 3
    verdict = verify(data, head, args.public_key)
    if args.json:
        print(json.dumps(verdict))
    elif not verdict["ok"]:
        print(f"The log is broken: row {verdict['first_bad']} {verdict['why']}.")
    else:
        print(f"The log holds: {verdict['rows']} rows, head {verdict['head']}.")
        for remark in verdict["remarks"]:
            print(remark)
    return 1 if not verdict["ok"] else 2 if in_doubt(verdict, args.public_key) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
