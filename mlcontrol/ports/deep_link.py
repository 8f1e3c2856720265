"""`mlcontrol://incident?service=...&alert=...`: a way in from a pager. It pre-fills a page; it never acts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qs, urlencode, urlsplit

from mlcontrol.core.problem import Problem, ProblemError

SCHEME = "mlcontrol"
PAGES = ("incident", "service")
LONGEST = 2000
LONGEST_ALERT = 300
_SERVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


@dataclass(frozen=True, slots=True)
class DeepLink:
    """``alert``: what the pager said; shown as plain text, control characters escaped."""

    page: str
    service: str
    alert: str = ""

    @property
    def text(self) -> str:
        """The link again, as `parse_link` reads it."""
        return f"{SCHEME}://{self.page}?{urlencode({'service': self.service, 'alert': self.alert})}"


def is_link(text: str) -> bool:
    return text.lower().startswith(f"{SCHEME}:")


def parse_link(text: str) -> DeepLink:
    """Raises `ProblemError` (code "usage"): a link from outside is believed in nothing but these two words."""
    if len(text) > LONGEST:
        raise ProblemError(Problem("The link is too long.", f"{len(text)} characters.", "", "usage"))
    try:
        parts = urlsplit(text)
        values = parse_qs(parts.query, max_num_fields=20)
    except ValueError as error:
        raise ProblemError(Problem("The link cannot be read.", str(error), "", "usage")) from error
    page = (parts.netloc or parts.path.strip("/")).lower()
    if parts.scheme.lower() != SCHEME or page not in PAGES:
        raise ProblemError(
            Problem("This is no link of mlcontrol.", _shown(text), f"Write {SCHEME}://incident?service=NAME.", "usage")
        )
    service = values.get("service", [""])[0]
    if not _SERVICE.fullmatch(service):
        raise ProblemError(Problem("The link names no service.", _shown(service), "", "usage"))
    return DeepLink(page, service, _shown(values.get("alert", [""])[0]))


def _shown(text: str) -> str:
    cut = text[:LONGEST_ALERT]
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in cut) + (
        "…" if len(text) > LONGEST_ALERT else ""
    )
