"""Which test covers which fault of a guarded change, and which twin shows that it would notice its guard's absence.

The numbers are the rows 33 to 47 of the reliability contract, and its ten rules. A test that is renamed or deleted, or that does
not name its fault, fails here.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parent

_FAULTS = "services/test_faults_of_rollouts.py"
_TOGETHER = "services/test_together.py"
_PEOPLE = "services/test_guards_by_people.py"
_STAGED = "services/test_staged_rollouts.py"
_ROLLOUTS = "services/test_rollouts.py"
_TRACED = "adapters/signatures/test_traced.py"

NO_TWIN = "the fault is met by an act, not kept out by a guard"

FAULTS: dict[int, tuple[str, str]] = {
    33: (
        f"{_TOGETHER}::test_the_second_operator_is_told_at_once_by_whom_and_since_when",
        f"{_TOGETHER}::test_twin_without_one_lease_for_the_target_both_act",
    ),
    34: (
        f"{_TOGETHER}::test_a_holder_that_slept_past_its_lease_writes_nothing_when_it_wakes",
        f"{_TOGETHER}::test_twin_without_the_fence_the_sleeper_goes_on_writing_when_it_wakes",
    ),
    35: (
        f"{_TOGETHER}::test_an_alias_moved_by_another_hand_between_plan_and_apply_voids_the_plan",
        f"{_TOGETHER}::test_twin_without_reading_first_the_void_plan_would_be_carried_out",
    ),
    36: (
        f"{_TOGETHER}::test_traffic_moved_by_another_hand_between_write_and_verify_is_a_conflict",
        f"{_TOGETHER}::test_without_looking_first_the_return_fights_the_other_hand",
    ),
    37: (
        f"{_FAULTS}::test_a_write_that_timed_out_but_happened_is_settled_by_reading",
        f"{_FAULTS}::test_twin_a_write_repeated_without_reading_would_be_doubled",
    ),
    38: (
        f"{_FAULTS}::test_a_write_that_was_accepted_and_did_not_happen_is_no_success",
        f"{_FAULTS}::test_twin_a_write_that_is_not_read_back_is_called_a_success",
    ),
    39: (f"{_FAULTS}::test_a_deploy_that_fails_at_one_of_several_endpoints_names_them_and_undoes_the_others", NO_TWIN),
    40: (
        f"{_PEOPLE}::test_the_next_safest_is_offered_when_the_first_target_cannot_take_over",
        f"{_ROLLOUTS}::test_twin_without_the_guard_the_blocked_deploy_would_run",
    ),
    41: (
        f"{_FAULTS}::test_files_changed_under_the_same_version_are_refused_with_both_digests",
        f"{_FAULTS}::test_twin_without_reading_the_files_again_the_changed_ones_would_be_deployed",
    ),
    42: (f"{_FAULTS}::test_a_rollback_that_fails_is_loud_tells_the_truth_and_how_to_go_on_by_hand", NO_TWIN),
    43: (
        f"{_FAULTS}::test_a_checker_that_hangs_is_unknown_in_time_and_blocks",
        f"{_FAULTS}::test_twin_a_checker_whose_silence_is_a_pass_lets_the_deploy_through",
    ),
    44: (
        f"{_FAULTS}::test_a_model_without_a_signature_is_unknown_and_blocks",
        f"{_FAULTS}::test_twin_a_checker_whose_silence_is_a_pass_lets_the_deploy_through",
    ),
    45: (
        f"{_TRACED}::test_nothing_is_started_nobody_is_called_and_memory_is_bounded",
        f"{_TRACED}::test_twin_a_reader_that_unpickled_would_be_seen",
    ),
    46: (
        f"{_PEOPLE}::test_an_approval_binds_the_hash_of_the_plan",
        f"{_PEOPLE}::test_without_the_binding_an_old_approval_would_pass",
    ),
    47: (
        f"{_STAGED}::test_going_on_without_data_needs_a_person_and_a_reason_and_is_on_record",
        f"{_STAGED}::test_the_broken_twin_that_takes_no_data_for_fine_promotes",
    ),
}

RULES: dict[int, str] = {
    1: f"{_FAULTS}::test_twin_a_checker_whose_silence_is_a_pass_lets_the_deploy_through",
    3: f"{_FAULTS}::test_twin_a_server_that_only_says_it_is_ready_would_pass_for_one_that_answers",
    4: "crash/test_kills.py::test_without_the_journal_first_the_harness_finds_fault",
    6: "adapters/test_http.py::test_twin_plain_requests_hands_a_key_to_the_other_server",
    7: f"{_TRACED}::test_twin_a_reader_that_unpickled_would_be_seen",
    8: "adapters/test_keyring.py::test_twin_without_the_list_a_plaintext_backend_takes_the_secret",
    10: "store/test_audit_tamper.py::test_twin_without_the_head_outside_a_cut_tail_passes",
}
"""Those rules of which the contract wants a twin to be kept."""


_FREEZES = "services/test_freezes.py"
_COLLECTOR = "services/test_collector.py"

PROMISES: dict[str, str] = {
    "a drill on a shadow moves no traffic": f"{_PEOPLE}::test_a_drill_on_a_shadow_moves_no_traffic_and_is_timed",
    "a drill for real, there and back": f"{_PEOPLE}::test_a_drill_for_real_takes_the_traffic_there_and_back",
    "only in a quiet hour": f"{_PEOPLE}::test_a_drill_for_real_waits_for_a_quiet_hour",
    "the trend": "core/test_freeze_and_drill.py::test_the_trend_holds_the_newest_drill_against_those_of_its_mode_before_it",
    "an old drill is marked": "core/test_wayback.py::test_a_way_back_whose_last_drill_is_old_or_missing_is_marked",
    "scheduled drills": f"{_PEOPLE}::test_scheduled_drills_are_held_when_due",
    "two operators, one target": f"{_TOGETHER}::test_the_second_operator_is_told_at_once_by_whom_and_since_when",
    "four processes, one target": "crash/test_races.py::test_exactly_one_acts_and_nobody_is_left_in_doubt",
    "an approval expires": f"{_PEOPLE}::test_an_edited_or_expired_approval_is_void",
    "freezes bind deploys only": f"{_FREEZES}::test_an_added_freeze_binds_deploys_and_no_rollback_until_it_is_lifted",
    "automation by action": f"{_PEOPLE}::test_what_is_not_automatic_needs_a_person",
    "who really answers": f"{_COLLECTOR}::test_a_version_swapped_behind_the_panels_back_is_no_presence",
}
"""What is promised of drills, of acting together and of presence by behaviour, and where it is shown."""


@cache
def functions(file: str) -> dict[str, str]:
    """The docstrings of a file's tests, by name; the file's own stands for those that have none."""
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    whole = ast.get_docstring(tree) or ""
    return {
        node.name: ast.get_docstring(node) or whole
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def words_of(test: str) -> str:
    file, _, name = test.partition("::")
    assert name in functions(file), f"{test} is gone: which test covers it now?"
    return f"{name} {functions(file)[name]}"


@pytest.mark.parametrize("fault", range(33, 48))
def test_each_fault_of_a_guarded_change_has_a_test_that_names_it(fault: int) -> None:
    assert f"Fault {fault}" in words_of(FAULTS[fault][0])


@pytest.mark.parametrize("fault", range(33, 48))
def test_each_guard_has_a_twin(fault: int) -> None:
    twin = FAULTS[fault][1]
    if twin != NO_TWIN:
        assert any(mark in words_of(twin) for mark in ("twin", "without"))


@pytest.mark.parametrize("rule", sorted(RULES))
def test_each_rule_that_wants_one_has_a_twin(rule: int) -> None:
    assert any(mark in words_of(RULES[rule]).lower() for mark in ("twin", "without"))


@pytest.mark.parametrize("promise", PROMISES)
def test_each_promise_of_drills_and_of_acting_together_is_shown_somewhere(promise: str) -> None:
    assert words_of(PROMISES[promise])
