"""Reading from an object store that speaks S3's protocol: lists and objects, signed (AWS Signature 4), on the one HTTP client.

Addresses are in path style, which all of them understand: ``endpoint/bucket/key``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote, unquote_plus, urlencode
from xml.etree import ElementTree

import msgspec
import requests
from requests_aws4auth import AWS4Auth

from mlcontrol.adapters.http import Call, HttpClient, Response
from mlcontrol.adapters.http_errors import status_error
from mlcontrol.core.problem import Problem
from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.ports.connection import SecretReader
from mlcontrol.ports.errors import AdapterError, Rejected

LIST_CAP_BYTES = 8 * 1024 * 1024
PAGE = 1000
_SIGNED = ("authorization", "x-amz-date", "x-amz-content-sha256")
_REGION = re.compile(r"^[a-z0-9-]{1,40}$")


@dataclass(frozen=True, slots=True)
class Stored:
    """One object of a list. ``etag`` changes with its content."""

    key: str
    size: int
    etag: str


@dataclass(frozen=True, slots=True)
class Page:
    objects: tuple[Stored, ...]
    folders: tuple[str, ...]
    truncated: bool


class S3Client(HttpClient):
    """``settings.options``: ``endpoint`` (default: Amazon's of the ``region``), ``region``. With sign-in "basic" the user name
    is the id of the access key and the secret its secret; without sign-in requests are not signed. *Thread:* any."""

    def __init__(self, settings: ConnectionSettings, secret: SecretReader) -> None:
        region = settings.options.get("region", "") or "us-east-1"
        if not _REGION.match(region):
            raise Rejected(Problem(f"{region[:60]!r} is no region.", "", "Write it like eu-central-1.", "rejected"))
        if settings.auth not in ("none", "basic"):
            what = "An object store takes no token."
            why = "It is signed in to with an access key: its id is the user name, its secret the password."
            raise Rejected(Problem(what, why, "Choose user name and password, or no sign-in.", "rejected"))
        endpoint = settings.options.get("endpoint", "") or f"https://s3.{region}.amazonaws.com"
        super().__init__(replace(settings, url=endpoint, auth="none"), secret)
        self._key_id = settings.username if settings.auth == "basic" else ""
        self._region = region

    def headers_of(self, call: Call) -> dict[str, str]:
        headers = super().headers_of(call)
        if self._key_id:
            request = requests.Request(call.method, self.target.base + call.path).prepare()
            # A signer of its own for each request: they are not made for several threads.
            AWS4Auth(self._key_id, self._current_secret(), self._region, "s3")(request)
            headers |= {name: str(value) for name, value in request.headers.items() if name.lower() in _SIGNED}
        return headers

    def page(self, bucket: str, prefix: str, after: str, deadline_s: float, delimiter: str = "") -> Page:
        """At most `PAGE` objects whose keys begin with ``prefix`` and sort behind ``after``, in the keys' order."""
        asked = {"list-type": "2", "max-keys": str(PAGE), "prefix": prefix, "encoding-type": "url"}
        asked |= {"delimiter": delimiter} if delimiter else {}
        asked |= {"start-after": after} if after else {}
        path = f"{_path(bucket, '')}?{urlencode(asked, quote_via=quote, safe='')}"
        response = self.send(Call("GET", path), deadline_s, LIST_CAP_BYTES)
        if response.status != 200:
            raise self.refused(response)
        return self._read_page(response)

    def take(self, bucket: str, key: str, target: Path, deadline_s: float, cap_bytes: int) -> None:
        """Writes the object to ``target``. Raises `NotFound` when it is gone."""
        with target.open("wb") as file:
            head = self.stream(Call("GET", _path(bucket, key)), file.write, deadline_s, cap_bytes)
        if head.status != 200:
            with target.open("rb") as file:
                raise self.refused(msgspec.structs.replace(head, body=file.read(LIST_CAP_BYTES)))

    def refused(self, response: Response) -> AdapterError:
        """What another status than 200 means, in the store's own words."""
        if response.status in (401, 403):
            self.forget_secret()
        try:
            root = _xml(response)
            code, words = _child(root, "Code"), _child(root, "Message")
        except (ElementTree.ParseError, ValueError):
            code, words = "", ""
        return status_error(self.settings, response.status, self.redact(f"{code}: {words}" if code else words))

    def _read_page(self, response: Response) -> Page:
        try:
            root = _xml(response)
            if not root.tag.endswith("ListBucketResult"):
                raise ValueError(root.tag)
            decode = unquote_plus if _child(root, "EncodingType") == "url" else str
            objects = tuple(
                Stored(decode(_child(one, "Key")), int(_child(one, "Size")), _child(one, "ETag"))
                for one in root
                if one.tag.endswith("Contents")
            )
            folders = tuple(decode(_child(one, "Prefix")) for one in root if one.tag.endswith("CommonPrefixes"))
            return Page(objects, folders, _child(root, "IsTruncated") == "true")
        except (ElementTree.ParseError, ValueError) as error:
            raise self.unexpected("It is no list of objects.", response) from error


def _path(bucket: str, key: str) -> str:
    return f"/{quote(bucket, safe='')}/{quote(key, safe='/')}" if key else f"/{quote(bucket, safe='')}"


def _xml(response: Response) -> ElementTree.Element:
    """Raises `ValueError` or `ElementTree.ParseError`. Read as text: in another encoding a DOCTYPE would not be seen."""
    text = response.body.decode("utf-8")
    if "<!DOCTYPE" in text:
        raise ValueError("it declares a document type")
    return ElementTree.fromstring(text)  # noqa: S314 - bounded, and without a DOCTYPE nothing expands


def _child(element: ElementTree.Element, name: str) -> str:
    """Text of a child, whatever its namespace."""
    return next((one.text or "" for one in element if one.tag.rpartition("}")[2] == name), "")
