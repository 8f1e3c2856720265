"""Which version answers, told from its answers."""

from __future__ import annotations

from mlcontrol.core.fingerprint import discriminating, identify, mark

KNOWN = {
    "1": {"a": "x", "b": "x", "c": "x"},
    "2": {"a": "x", "b": "y", "c": "x"},
    "3": {"a": "x", "b": "y", "c": "z"},
}


def test_the_items_that_separate_all_versions_are_chosen_and_no_more() -> None:
    assert discriminating(KNOWN) == ("b", "c")
    assert discriminating({"1": KNOWN["1"], "2": KNOWN["2"]}) == ("b",)
    assert discriminating({"1": KNOWN["1"]}) == ()
    assert discriminating({}) == ()


def test_each_version_is_identified_by_its_answers() -> None:
    for version, answers in KNOWN.items():
        found = identify(KNOWN, {item: answers[item] for item in discriminating(KNOWN)})
        assert found.version == version


def test_versions_that_answer_alike_are_indistinguishable_and_said_to_be() -> None:
    twins = {"1": {"a": "x"}, "2": {"a": "x"}}
    assert discriminating(twins) == ()
    found = identify(twins, {"a": "x"})
    assert found.version is None
    assert "indistinguishable" in found.words()


def test_a_server_that_names_another_version_is_contradicted() -> None:
    found = identify(KNOWN, {"b": "y", "c": "z"}, said="2")
    assert found.contradicts
    assert found.words() == "the server says v2, but these are the answers of v3"
    strange = identify(KNOWN, {"b": "?"}, said=None)
    assert strange.candidates == ()
    assert "no known version" in strange.words()


def test_marks_do_not_depend_on_order_or_on_the_last_digits() -> None:
    assert mark({"b": [[1.00000001]], "a": 3}) == mark({"a": 3, "b": [[1.0]]})
    assert mark({"a": 0.123456}) != mark({"a": 0.12346})
