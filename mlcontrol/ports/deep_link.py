"""`mlcontrol://incident?service=...&alert=...`, `mlcontrol://service?service=...&since=...&until=...`: a way in from a pager or a
colleague's chat. It pre-fills a page; it never acts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlencode, urlsplit

from mlcontrol.core.problem import Problem, ProblemError

SCHEME = "mlcontrol"
PAGES = ("incident", "service")
LONGEST = 2000
LONGEST_ALERT = 300
SHORTEST_S, LONGEST_S = 1.0, 10 * 366 * 86_400.0
_TIMES = "Write since and until as UTC times, as 2026-01-31T02:14:00Z."
_SERVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


@dataclass(frozen=True, slots=True)
class DeepLink:
    """``alert``: what the pager said; shown as plain text, control characters escaped. ``span``: what a chart showed, from
    and until in UTC seconds; `None` where the link does not say."""

    page: str
    service: str
    alert: str = ""
    span: tuple[float, float] | None = None

    @property
    def text(self) -> str:
        """The link again, as `parse_link` reads it."""
        words = {"service": self.service}
        if self.alert:
            words["alert"] = self.alert
        if self.span is not None:
            words |= {name: _moment_text(at_s) for name, at_s in zip(("since", "until"), self.span, strict=True)}
        return f"{SCHEME}://{self.page}?{urlencode(words, safe=':')}"


def is_link(text: str) -> bool:
    return text.lower().startswith(f"{SCHEME}:")


def parse_link(text: str) -> DeepLink:
    """Raises `ProblemError` (code "usage"): a link from outside is believed in nothing but these few words."""
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
    return DeepLink(page, service, _shown(values.get("alert", [""])[0]), _span(values))


def _span(values: dict[str, list[str]]) -> tuple[float, float] | None:
    if not {"since", "until"} & values.keys():
        return None
    texts = [values.get(name, [""])[0] for name in ("since", "until")]
    try:
        since_s, until_s = (_moment(text) for text in texts)
    except (ValueError, OverflowError) as error:
        raise ProblemError(Problem("The link names no time.", _shown(" to ".join(texts)), _TIMES, "usage")) from error
    if not SHORTEST_S <= until_s - since_s <= LONGEST_S:
        raise ProblemError(Problem("The link names no span of time.", _shown(" to ".join(texts)), _TIMES, "usage"))
    return since_s, until_s


def _moment(text: str) -> float:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()


def _moment_text(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _shown(text: str) -> str:
    cut = text[:LONGEST_ALERT]
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in cut) + (
        "…" if len(text) > LONGEST_ALERT else ""
    )
