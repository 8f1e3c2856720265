"""Adapters by entry point: found, explained, never a crash."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from mlcontrol.adapters.discovery import adapter_class, installed
from mlcontrol.core.problem import ProblemError
from mlcontrol.core.types import ConnectionKind
from mlcontrol.ports.connection import Viability

KIND = ConnectionKind.SERVING


class Unviable:
    @classmethod
    def viability(cls) -> Viability:
        return Viability(False, "the library acme is not installed")


def point(name: str, value: str) -> EntryPoint:
    return EntryPoint(name, value, f"mlcontrol.{KIND.value}")


BROKEN = point("broken", "no_such_module_anywhere:Adapter")
UNVIABLE = point("unviable", f"{__name__}:Unviable")
NO_ADAPTER = point("odd", "json:loads")


@pytest.mark.parametrize("kind", list(ConnectionKind))
def test_our_own_adapters_are_installed_and_viable(kind: ConnectionKind) -> None:
    found = installed(kind)
    assert found
    assert [one.viability for one in found if one.package == "mlcontrol" and not one.viability.viable] == []


def test_what_cannot_be_imported_is_reported_as_data() -> None:
    broken, odd = installed(KIND, [NO_ADAPTER, BROKEN])
    assert (broken.name, broken.adapter, broken.viability.viable) == ("broken", None, False)
    assert "no_such_module_anywhere" in broken.viability.why
    assert not odd.viability.viable


@pytest.mark.parametrize(
    ("name", "says"),
    [("broken", "ModuleNotFoundError"), ("nosuch", "Installed are: broken, odd"), ("odd", "viability")],
)
def test_asking_for_one_that_cannot_work_says_why(name: str, says: str) -> None:
    with pytest.raises(ProblemError, match=says) as caught:
        adapter_class(KIND, name, [BROKEN, NO_ADAPTER])
    assert caught.value.problem.code == "not-viable"


def test_one_that_needs_something_says_what(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EntryPoint, "load", lambda self: Unviable)
    with pytest.raises(ProblemError, match="acme is not installed"):
        adapter_class(KIND, "unviable", [UNVIABLE])
