"""A fleet's state as MessagePack, a service at a time: whoever waits for Python's lock gets it between two of thousands.

The bytes are those of one `encode` of the whole; only the way there is in steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import msgspec

from mlcontrol.core.state import FleetState
from mlcontrol.core.types import ServiceState

_encoder = msgspec.msgpack.Encoder()
_split = msgspec.msgpack.Decoder(dict[str, msgspec.Raw])
_MEMBER = "services"


def state_encoded(state: FleetState) -> msgspec.Raw:
    """To stand for the state in what is encoded around it."""
    parts = _split.decode(_encoder.encode(replace(state, services={})))
    services = {name: msgspec.Raw(_encoder.encode(service)) for name, service in state.services.items()}
    parts[_MEMBER] = msgspec.Raw(_encoder.encode(services))
    return msgspec.Raw(_encoder.encode(parts))


def state_decoded(raw: bytes | msgspec.Raw) -> FleetState:
    """Raises `msgspec.DecodeError` for anything that is not a well-formed state."""
    parts = parts_of(raw)
    services = parts_of(parts.pop(_MEMBER, _encoder.encode({})))
    rest = msgspec.msgpack.decode(_encoder.encode(parts), type=FleetState)
    one = msgspec.msgpack.Decoder(ServiceState)
    return replace(rest, services={name: one.decode(service) for name, service in services.items()})


def parts_of(raw: bytes | msgspec.Raw) -> dict[str, msgspec.Raw]:
    """The members of a MessagePack map, undecoded. Raises `msgspec.DecodeError`."""
    parts: Mapping[str, msgspec.Raw] = _split.decode(raw)
    return dict(parts)
