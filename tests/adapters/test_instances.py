"""The instances of a fleet added up: restarts, leavers and partial answers make no sum fall, jump or pass for whole."""

from __future__ import annotations

from mlcontrol.adapters.metrics.instances import Instances


def answered(told: Instances, partial: bool = False, **instances: float) -> float | None:
    """The sum of requests of model "m"; `None` where nothing is said of it."""
    series = [
        ({"__name__": "nv_inference_request_success", "model": "m", "version": "1", "instance": name}, value)
        for name, value in instances.items()
    ]
    other = ({"__name__": "nv_inference_request_success", "model": "o", "version": "1", "instance": "z"}, 7.0)
    found = {reading.model: reading.value for reading in told.readings([*series, other], partial)}
    assert found["o"] == 7.0, "another model is not concerned"
    return found.get("m")


def test_a_replica_that_restarts_or_leaves_never_makes_the_sum_fall_or_jump() -> None:
    told = Instances()
    assert answered(told, a=100, b=50) == 150
    assert answered(told, a=10, b=60) == 170, "a began again: 100 before, 10 since"
    assert answered(told, b=60) == 170, "a is away"
    assert answered(told, a=15, b=60) == 175, "a came back as it was"
    assert answered(told, b=60) == 175
    assert answered(told, a=1, b=60) == 176, "a came back from zero"
    plain = [100 + 50, 10 + 60]  # the twin: a plain sum would fall, and its reset be counted as new traffic
    assert plain[1] < plain[0]


def test_of_a_model_of_which_a_partial_answer_lacks_a_replica_nothing_is_said() -> None:
    told = Instances()
    assert answered(told, a=100, b=50) == 150
    assert answered(told, partial=True, b=60) is None, "not 160 as if a were gone, and not 60"
    assert answered(told, partial=True, a=110, b=60) == 170, "what it had before it has again"
    assert answered(told, partial=True, b=70) is None
    assert answered(told, a=120, b=80) == 200
    assert answered(told, b=90) == 210, "the twin: a whole answer without it says that it is gone"


def test_what_a_partial_answer_hid_is_no_burst_when_it_is_told() -> None:
    told = Instances()
    assert answered(told, partial=True, b=50) == 50
    assert answered(told, partial=True, a=9000, b=60) == 60, "it had counted before anybody could see it"
    assert answered(told, a=9010, b=60) == 70
    assert answered(told, a=9010, b=60, c=5) == 75, "the twin: one that is new in a whole answer began just now"
