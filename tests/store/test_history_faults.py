"""The metric history where the world is against it: a clock that is set back, a disk that is full."""

from __future__ import annotations

import sqlite3
import subprocess
from pathlib import Path

import numpy as np
import pytest

from mlcontrol.core.series import QUERIES_PER_S
from mlcontrol.core.types import Sample, SeriesData, SeriesKey
from mlcontrol.store import history as module
from mlcontrol.store.database import StoreError
from mlcontrol.store.history import History
from tests.store.test_disk_faults import small_disk

__all__ = ["small_disk"]

KEY = SeriesKey("digits", QUERIES_PER_S, (("version", "2"),))
DAY = 86_400.0


def pairs(series: SeriesData) -> list[tuple[float, float]]:
    return list(zip(np.frombuffer(series.at_s).tolist(), np.frombuffer(series.value).tolist(), strict=True))


@pytest.mark.parametrize("back_s", [90.0, 3600.0, 3 * DAY])
@pytest.mark.parametrize("ticks", [7, 512])
def test_a_clock_that_is_set_back_loses_no_sample_and_keeps_the_order_of_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, back_s: float, ticks: int
) -> None:
    """Fault 18. Samples older than what is in memory, over cuts into chunks (``ticks``), a new process and a trim."""
    monkeypatch.setattr(module, "TICKS_A_CHUNK", ticks)
    known: dict[float, float] = {}
    history = History(tmp_path / "history.db")
    now_s = 10 * DAY
    for tick in range(120):
        now_s += 5.0
        if tick in (40, 80):
            now_s -= back_s  # and once more, while the first is not made up for
        known[now_s] = float(tick)  # of two at one moment the later one counts
        history.append([Sample(KEY, now_s, float(tick))])
        if tick in (45, 100):
            history.close()
            history = History(tmp_path / "history.db")
    assert pairs(history.query("digits", (), 0.0, 12 * DAY, 99_999)[0]) == sorted(known.items())
    until_now = history.query("digits", (), 0.0, now_s + 1e-6, 99_999)[0]
    assert pairs(until_now) == sorted((at, v) for at, v in known.items() if at <= now_s)
    # Months look at extremes: the highest of each part is there, whichever clock it was dated by.
    months = history.query("digits", (), 0.0, 99 * DAY, 20)[0]
    assert max(v for _, v in pairs(months)) == max(known.values())
    assert np.all(np.diff(np.frombuffer(months.at_s)) > 0)
    history.trim(now_s - 60.0)
    left = pairs(history.query("digits", (), 0.0, 12 * DAY, 99_999)[0])
    assert set(left) <= set(known.items())
    assert {at for at in known if at >= now_s - 60.0} <= {at for at, _ in left}
    history.close()


def test_a_full_disk_is_said_corrupts_nothing_and_is_made_up_for(small_disk: Path) -> None:
    """Fault 27 of the metric history. What was kept can be read all the while, and with room again it goes on."""
    path = small_disk / "history.db"
    history = History(path)
    keys = [SeriesKey("digits", QUERIES_PER_S, (("version", str(i)),)) for i in range(400)]
    rng = np.random.default_rng(1)
    kept, refused = 0, None
    waiting: list[Sample] = []
    for tick in range(2000):
        waiting = [Sample(key, float(tick), float(v)) for key, v in zip(keys, rng.normal(size=400), strict=True)]
        try:
            history.append(waiting)
        except StoreError as error:
            refused = error.problem
            break
        kept += 1
    assert refused is not None
    assert kept > 50
    assert "was not written" in refused.what
    assert "full" in refused.why
    assert "charts go on from memory" in (refused.next or "")
    with pytest.raises(StoreError):
        history.append(waiting)
    found = history.query("digits", (), 0.0, 9999.0, 99_999)
    assert len(found) == 400
    assert {len(series.at_s) // 8 for series in found} == {kept}, "what was acknowledged is there and can be read"
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    history.append(waiting)
    for tick in range(kept + 1, kept + 600):  # over a cut into chunks
        history.append([Sample(key, float(tick), 1.0) for key in keys])
    history.close()
    with sqlite3.connect(path) as direct:
        assert direct.execute("pragma integrity_check").fetchone() == ("ok",)
    direct.close()
    again = History(path)
    assert {len(series.at_s) // 8 for series in again.query("digits", (), 0.0, 9999.0, 99_999)} == {kept + 600}
    again.close()
