"""What a keeper of alerts keeps."""

from __future__ import annotations

import time

import pytest

from mlcontrol.ports.alerts import AlertSource, Matcher, OutsideState
from mlcontrol.ports.errors import NotFound, Rejected
from mlcontrol.testing.contracts.connection import NetworkContract


class AlertsContract(NetworkContract):
    """Fixtures: ``adapter``, on a server where an alert fires with the labels of ``firing``; no silence fits it."""

    @pytest.fixture
    def firing(self) -> dict[str, str]:
        raise NotImplementedError

    def matchers(self, labels: dict[str, str]) -> tuple[Matcher, ...]:
        return tuple(Matcher(name, value) for name, value in sorted(labels.items()))

    def test_an_alert_is_read_as_it_is(self, adapter: AlertSource, firing: dict[str, str]) -> None:
        (alert,) = [alert for alert in adapter.alerts() if alert.labels == firing]
        assert alert.name == firing["alertname"]
        assert alert.state is not OutsideState.SUPPRESSED
        assert alert.silenced_by == ()
        assert 0 < alert.since_s <= time.time() + 60

    def test_a_silence_is_made_holds_and_ends(self, adapter: AlertSource, firing: dict[str, str]) -> None:
        now_s = time.time()
        name = adapter.silence(self.matchers(firing), now_s, now_s + 3600, "tester", "because: ünï ☂")
        try:
            (made,) = [silence for silence in adapter.silences() if silence.id == name]
            assert made.matchers == self.matchers(firing)
            assert made.until_s == pytest.approx(now_s + 3600, abs=0.01)
            assert (made.by, made.comment) == ("tester", "because: ünï ☂")
            (alert,) = [alert for alert in adapter.alerts() if alert.labels == firing]
            assert (alert.state, alert.silenced_by) == (OutsideState.SUPPRESSED, (name,))
        finally:
            adapter.expire(name)
        assert name not in [silence.id for silence in adapter.silences()]
        (alert,) = [alert for alert in adapter.alerts() if alert.labels == firing]
        assert alert.silenced_by == ()
        adapter.expire(name)  # what has ended stays ended

    def test_a_silence_must_name_what_it_silences(self, adapter: AlertSource) -> None:
        before = adapter.silences()
        with pytest.raises(Rejected):
            adapter.silence((), time.time(), time.time() + 60, "tester", "all of it")
        assert adapter.silences() == before

    def test_an_end_before_the_beginning_is_refused(self, adapter: AlertSource, firing: dict[str, str]) -> None:
        with pytest.raises(Rejected):
            adapter.silence(self.matchers(firing), time.time(), time.time() - 60, "tester", "backwards")

    @pytest.mark.parametrize("name", ["6f9619ff-8b86-4011-b42d-00c04fc964ff", "../alerts", ""])
    def test_what_never_was_cannot_be_ended(self, adapter: AlertSource, name: str) -> None:
        with pytest.raises(NotFound):
            adapter.expire(name)
