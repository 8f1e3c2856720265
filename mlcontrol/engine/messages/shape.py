"""What every message is: an immutable struct, tagged by its class name; a request carries an id that its answer repeats."""

from __future__ import annotations

import msgspec

from mlcontrol.core.problem import Problem


class Message(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    pass


class Request(Message, frozen=True, kw_only=True):
    request: str


class Done(Request, frozen=True, kw_only=True):
    text: str = ""


class Refused(Request, frozen=True, kw_only=True):
    """The command was not carried out; nothing was changed unless the problem says so."""

    problem: Problem


class Progress(Request, frozen=True, kw_only=True):
    text: str
    fraction: float | None = None


Event = Done | Refused | Progress
