"""The bound of the incidents' seconds: a minute on a machine that has room, more only by as much as others take away."""

from __future__ import annotations

import pytest

from tests.e2e.test_incident_mode import MINUTE_S, most_s


def test_a_minute_is_a_minute_where_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    assert most_s(0.2, 3.9) == MINUTE_S
    assert most_s(4.0, 8.0) == 2 * MINUTE_S
    assert most_s(12.0, 8.0) == most_s(40.0, 8.0) == 3 * MINUTE_S
