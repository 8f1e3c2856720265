"""Golden sets and what the generations scored on them."""

from __future__ import annotations

from mlcontrol.core.golden_history import GoldenLook
from mlcontrol.engine.messages.shape import Request


class QueryGolden(Request, frozen=True, kw_only=True):
    """The service's golden set as a whole. Answer: `GoldenSetAnswer`; `Refused` where it has none."""

    service: str


class GoldenSetAnswer(Request, frozen=True, kw_only=True):
    service: str
    look: GoldenLook


Command = QueryGolden
Event = GoldenSetAnswer
