"""A link from outside is believed in two words and starts nothing."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from mlcontrol.core.problem import ProblemError
from mlcontrol.ports.deep_link import parse_link


def test_a_pagers_link_names_a_service_and_what_was_said() -> None:
    link = parse_link("mlcontrol://incident?service=diamond-cut&alert=errors%20over%201%20%25")
    assert (link.page, link.service, link.alert) == ("incident", "diamond-cut", "errors over 1 %")


def test_a_colleagues_link_opens_the_charts_of_a_span() -> None:
    link = parse_link("mlcontrol://service?service=digits&since=2026-01-31T02:14:00Z&until=2026-01-31T03:14:00%2B00:00")
    assert link.span == (1769825640.0, 1769829240.0)
    assert parse_link(link.text) == link
    assert link.text == "mlcontrol://service?service=digits&since=2026-01-31T02:14:00Z&until=2026-01-31T03:14:00Z"


@pytest.mark.parametrize(
    "text",
    [
        "mlcontrol://service?service=digits&since=2026-01-31T02:14:00Z",
        "mlcontrol://service?service=digits&since=yesterday&until=now",
        "mlcontrol://service?service=digits&since=2026-01-31T02:14:00Z&until=2026-01-31T02:14:00Z",
        "mlcontrol://service?service=digits&since=2026-01-31T03:14:00Z&until=2026-01-31T02:14:00Z",
        "mlcontrol://service?service=digits&since=0001-01-01&until=9999-12-31T23:59:59Z",
        "mlcontrol://rollback?service=digits",
        "mlcontrol://incident",
        "mlcontrol://incident?service=../../etc",
        "mlcontrol://incident?service=a%00b",
        "mlcontrol://incident?service=" + "a" * 200,
        "file:///etc/passwd",
        "https://incident?service=digits",
        "mlcontrol://incident?" + "&".join(f"a{i}=1" for i in range(40)),
        "mlcontrol://[?service=digits",
        "mlcontrol://incident?service=digits&alert=" + "x" * 3000,
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ProblemError):
        parse_link(text)


def test_control_and_bidi_characters_are_shown_escaped() -> None:
    link = parse_link("mlcontrol://incident?service=digits&alert=a%0A%E2%80%AEb%1B[31m")
    assert link.alert == "a\\u000a\\u202eb\\u001b[31m"


@given(st.text(max_size=300))
def test_no_text_does_more_than_fail(text: str) -> None:
    for link in (text, f"mlcontrol:{text}", f"mlcontrol://incident?service={text}"):
        try:
            found = parse_link(link)
        except ProblemError:
            continue
        assert found.page in ("incident", "service")
        assert found.alert.isprintable()
