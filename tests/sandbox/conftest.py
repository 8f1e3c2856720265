"""The sandbox's tests share one running fleet."""

from __future__ import annotations

from mlcontrol.testing.fleet import running_fleet, shared_servers

__all__ = ["running_fleet", "shared_servers"]
