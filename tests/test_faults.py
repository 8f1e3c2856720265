"""Which test covers which fault, and which twin shows that it would notice its guard's absence.

The numbers are rows of the reliability contract: those of 1 to 21, 64 and 65 that are shown somewhere (the world), 18 to 32 (clock,
crash, disk), 33 to 47 (guarded changes), 48 to 52 and 58 to 66 (tampering, secrets, hostile text, floods); and its ten rules. A
test that is renamed or deleted, or that does not name its fault, fails here.
"""

from __future__ import annotations

import ast
import re
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
    18: (
        "store/test_clock_faults.py::test_a_lease_is_neither_lost_nor_eternal_because_the_clock_was_set",
        "store/test_clock_faults.py::test_twin_a_lease_by_the_wall_clock_would_be_lost",
    ),
    20: (
        "store/test_clock_faults.py::test_an_hour_that_the_zone_has_twice_or_not_at_all_is_there_once",
        "store/test_clock_faults.py::test_twin_in_the_zone_of_the_machine_an_hour_would_be_there_twice",
    ),
    21: (
        "gui/viewmodels/test_suspend.py::test_everything_is_old_at_once",
        "gui/viewmodels/test_suspend.py::test_twin_on_a_clock_that_stands_still_meanwhile_it_would_look_fresh",
    ),
    22: (
        "crash/test_kills.py::test_killed_around_every_write",
        "crash/test_kills.py::test_without_the_journal_first_the_harness_finds_fault",
    ),
    23: (
        "crash/test_kills.py::test_killed_in_system_calls_that_write",
        "crash/test_kills.py::test_without_the_journal_first_the_harness_finds_fault",
    ),
    24: (
        "store/test_review_processes.py::test_kill_at_every_write_loses_nothing_and_doubles_nothing",
        "store/test_review_processes.py::test_twin_without_a_transaction_a_kill_leaves_half_a_judgement",
    ),
    25: (
        "store/test_files.py::test_a_commit_waits_for_the_disk",
        "store/test_files.py::test_twin_without_full_synchronous_a_commit_would_not_wait",
    ),
    26: (
        "store/test_disk_faults.py::test_an_error_of_the_disk_refuses_the_row_and_never_turns_into_success",
        "store/test_disk_faults.py::test_twin_a_store_that_swallows_the_error_acknowledges_what_is_not_there",
    ),
    27: (
        "store/test_disk_faults.py::test_a_full_file_system_refuses_and_loses_nothing",
        "store/test_disk_faults.py::test_twin_on_a_full_disk_a_store_that_swallows_the_error_acknowledges_what_is_not_there",
    ),
    28: (
        "store/test_disk_faults.py::test_a_file_system_that_turned_read_only_is_said_and_what_was_written_is_there",
        "store/test_disk_faults.py::test_twin_on_a_read_only_disk_a_store_that_swallows_the_error_acknowledges_what_is_not_there",
    ),
    29: (
        "store/test_disk_faults.py::test_a_page_that_rots_while_the_store_is_open_is_noticed_and_the_file_kept",
        "store/test_disk_faults.py::test_twin_without_the_chain_a_rotten_page_passes_for_sound",
    ),
    30: (
        "store/test_files.py::test_a_writer_elsewhere_is_waited_for_then_told",
        "store/test_files.py::test_twin_without_the_patience_a_writer_of_a_moment_would_refuse_the_row",
    ),
    31: (
        "store/test_files.py::test_a_newer_schema_is_refused_and_untouched",
        "store/test_files.py::test_twin_without_the_check_a_newer_schema_would_be_written_into",
    ),
    32: (
        "gui/test_incident_page.py::test_the_second_start_hands_its_link_to_the_first_window",
        "gui/test_incident_twins.py::test_twin_without_one_name_for_the_workspace_the_second_would_not_find_the_first",
    ),
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
        f"{_STAGED}::test_going_on_without_data_needs_two_people_and_a_reason_and_is_on_record",
        f"{_STAGED}::test_the_broken_twin_that_takes_no_data_for_fine_promotes",
    ),
    48: (
        "store/test_audit_tamper.py::test_a_cut_tail_is_seen_and_the_way_on_is_said",
        "store/test_audit_tamper.py::test_twin_without_the_head_outside_a_cut_tail_passes",
    ),
    49: (
        "store/test_audit_export.py::test_a_flipped_bit_anywhere_in_six_thousand_rows_is_found",
        "store/test_audit_forger.py::test_twin_without_the_rows_hashes_a_resealed_forgery_passes",
    ),
    50: (
        "adapters/test_keyring.py::test_a_backend_that_is_not_named_is_refused",
        "adapters/test_keyring.py::test_twin_without_the_list_a_plaintext_backend_takes_the_secret",
    ),
    51: (
        "adapters/test_keyring.py::test_a_keyring_that_hangs_ends_in_time",
        "adapters/test_keyring.py::test_twin_without_the_deadline_a_keyring_that_hangs_is_waited_for",
    ),
    52: (
        "adapters/test_keyring.py::test_a_backend_that_is_not_named_is_refused",
        "adapters/test_keyring.py::test_twin_without_the_list_a_plaintext_backend_takes_the_secret",
    ),
    58: (
        "gui/test_hostile_text.py::test_no_page_shows_or_fetches_what_a_text_asks_for",
        "gui/test_hostile_text.py::test_a_tip_shows_the_very_words_and_its_twin_does_not",
    ),
    59: (
        "gui/test_incident_page.py::test_markup_in_a_name_stays_text",
        "gui/test_incident_twins.py::test_twin_without_making_it_visible_a_name_would_turn_the_sentence_round",
    ),
    60: (
        "core/review/test_findings.py::test_a_formula_is_neutralised",
        "core/review/test_findings.py::test_twin_without_neutralising_a_formula_would_be_exported",
    ),
    61: (
        "adapters/test_artifact_names.py::test_a_name_that_leads_elsewhere_ends_the_listing",
        "adapters/test_artifact_names.py::test_twin_without_the_check_it_would_be_listed",
    ),
    62: (
        "gui/test_incident_page.py::test_a_link_fills_in_and_starts_nothing",
        "gui/test_incident_twins.py::test_twin_a_link_that_acts_would_be_seen",
    ),
    63: (
        "engine/test_secret_canary.py::test_a_secret_is_in_nothing_that_the_engine_leaves",
        "engine/test_secret_canary.py::test_twin_without_redaction_the_echo_would_be_told",
    ),
    64: (
        "core/alerts/test_machine.py::test_five_hundred_at_once_are_few_messages_with_the_right_count",
        "core/alerts/test_machine.py::test_twin_without_grouping_each_of_five_hundred_would_be_a_message",
    ),
    65: (
        "core/alerts/test_machine.py::test_one_that_flaps_every_second_is_one_alert_and_one_message_in_five_minutes",
        "core/alerts/test_machine.py::test_twin_without_a_time_to_be_clear_each_turn_would_be_an_alert_of_its_own",
    ),
    66: (
        "services/test_polling.py::test_an_unforeseen_error_is_told_and_the_poller_lives_on",
        "services/test_polling.py::test_twin_without_the_boundary_a_surprise_ends_every_thread_unheard",
    ),
}

_HTTP = "adapters/test_http.py"
_COLLECTED = "services/test_collector.py"
_LINES = "services/test_bad_lines.py"
_CLOCKS = "services/test_clocks.py"
_PRESENCE = "core/test_presence.py"
_COPIES = "e2e/test_secret_copies.py"
_CANARY = "gui/test_secret_canary.py"
_HOSTILE_METRICS = "services/test_hostile_metrics.py"
_MACHINE = "core/alerts/test_machine.py"
_EARNED = f"{_PRESENCE}::test_twin_the_property_finds_an_answer_of_any_age_taken_for_fresh"
_REAPER = f"{_HTTP}::test_twin_without_the_reaper_a_drip_outlasts_the_deadline"

WORLD: dict[int, tuple[str, str]] = {
    1: (
        f"{_COLLECTED}::test_a_frozen_endpoint_is_stale_after_two_polls_and_unknown_after_three_the_others_stay_live",
        _EARNED,
    ),
    2: (f"{_HTTP}::test_the_total_deadline_holds_on_a_reused_connection", _REAPER),
    3: ("engine/test_real_fleet.py::test_a_frozen_server_is_unknown_the_others_stay_live_and_it_recovers", _EARNED),
    4: ("services/test_polling.py::test_the_unreachable_is_asked_ever_more_rarely", NO_TWIN),
    5: (
        f"{_LINES}::test_a_line_that_drops_everything_ends_in_time_and_takes_no_thread",
        f"{_LINES}::test_twin_without_a_deadline_the_question_would_hang_there",
    ),
    6: (
        f"{_LINES}::test_a_line_that_loses_a_third_does_not_flap_and_twin_each_lost_answer_would",
        f"{_LINES}::test_a_line_that_loses_a_third_does_not_flap_and_twin_each_lost_answer_would",
    ),
    7: (
        "adapters/test_metrics.py::test_a_cut_transfer_is_rejected_whole",
        "adapters/test_metrics.py::test_twin_without_the_announced_length_half_a_scrape_would_be_taken_for_all_of_it",
    ),
    8: (
        "adapters/test_name_memory.py::test_a_name_that_moved_inside_is_not_followed_before_a_person_agrees",
        "adapters/test_name_memory.py::test_twin_without_the_memory_the_secret_would_go_to_whatever_listens_inside",
    ),
    9: (
        f"{_HTTP}::test_faults_become_typed_errors_in_words",
        f"{_HTTP}::test_twin_without_a_look_at_the_body_a_login_page_would_be_an_answer",
    ),
    10: (f"{_HTTP}::test_hostile_json_is_unexpected", f"{_HTTP}::test_twin_the_plain_parser_lets_its_own_error_out"),
    11: (
        f"{_HTTP}::test_what_a_cache_kept_is_no_answer_of_the_server",
        f"{_HTTP}::test_twin_without_a_look_at_the_age_what_a_cache_kept_would_pass",
    ),
    12: (f"{_COLLECTED}::test_a_counter_reset_is_a_restart_not_a_spike", NO_TWIN),
    13: (
        f"{_HOSTILE_METRICS}::test_a_counter_that_is_no_number_is_a_gap_and_the_rate_is_right_again_afterwards",
        f"{_HOSTILE_METRICS}::test_twin_taken_as_a_reading_it_would_be_drawn_or_the_rate_before_would_go_on",
    ),
    14: (
        "adapters/test_metrics.py::test_too_many_samples_are_refused_before_they_are_parsed",
        f"{_HTTP}::test_twin_plain_requests_unpacks_the_whole_bomb",
    ),
    15: (
        f"{_HTTP}::test_hostile_json_is_unexpected",
        f"{_HTTP}::test_twin_the_plain_parser_takes_json_that_is_made_to_hurt",
    ),
    16: (f"{_PRESENCE}::test_not_wired_in_when_no_endpoint_has_it", NO_TWIN),
    17: (f"{_PRESENCE}::test_an_endpoint_that_lacks_the_version_is_named", NO_TWIN),
    18: (
        f"{_CLOCKS}::test_a_clock_of_this_machine_that_all_others_contradict_is_said_at_the_next_look",
        f"{_CLOCKS}::test_twin_if_answers_told_no_time_a_wrong_clock_would_not_be_noticed",
    ),
    19: (
        "services/test_outside_alerts.py::test_a_source_whose_clock_is_known_to_be_off_is_dated_by_ours_with_both_times",
        "services/test_outside_alerts.py::test_twin_taken_at_its_word_an_alert_of_a_clock_behind_would_stand_before_its_cause",
    ),
    20: (
        "gui/viewmodels/test_time_axis.py::test_every_hour_once_on_days_when_clocks_change",
        "store/test_clock_faults.py::test_twin_in_the_zone_of_the_machine_an_hour_would_be_there_twice",
    ),
    21: (
        "gui/viewmodels/test_suspend.py::test_everything_is_old_at_once",
        "gui/viewmodels/test_suspend.py::test_twin_on_a_clock_that_stands_still_meanwhile_it_would_look_fresh",
    ),
    64: (
        f"{_MACHINE}::test_five_hundred_at_once_are_few_messages_with_the_right_count",
        f"{_MACHINE}::test_twin_without_grouping_each_of_five_hundred_would_be_a_message",
    ),
    65: (
        f"{_MACHINE}::test_one_that_flaps_every_second_is_one_alert_and_one_message_in_five_minutes",
        "core/alerts/test_rules.py::test_hysteresis_makes_one_alert_of_a_flapping_one_and_its_twin_makes_many",
    ),
}
"""Faults of the world around the panel."""

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
    "order over a jump of the clock": "store/test_clock_faults.py::test_rows_keep_their_order_and_the_chain_holds_over_a_jump",
    "ages over a jump of the clock": "store/test_clock_faults.py::test_an_age_is_of_the_monotonic_clock",
    "a missing family of metrics": f"{_HOSTILE_METRICS}::test_twin_if_old_windows_stayed_a_missing_family_would_look_as_before",
    "errors that are no longer counted": f"{_HOSTILE_METRICS}::test_errors_that_are_not_counted_any_more_are_not_none",
    "a series that is there twice": f"{_HOSTILE_METRICS}::test_a_series_that_is_there_twice_counts_once",
    "a wild value on a chart": "gui/test_service_charts.py::test_one_wild_value_is_a_gap_and_never_flattens_the_rest",
    "a name server that hangs": f"{_HTTP}::test_a_name_server_that_hangs_ends_in_time",
    "a word to a moved name is on record": "engine/test_moved_name.py::test_it_is_unreachable_until_a_person_agrees",
    "a secret in the panel": f"{_CANARY}::test_no_page_title_copy_or_child_of_a_real_panel_has_it",
    "a secret that is typed": f"{_CANARY}::test_a_secret_that_is_typed_is_in_no_text_picture_or_copy",
    "a leak in the panel would be found": f"{_CANARY}::test_twin_in_a_plain_field_it_would_be_copied_shown_and_pictured",
    "a secret in what a check copies": f"{_COPIES}::test_no_copy_plan_or_check_of_the_rollouts_page_has_it",
    "a secret in what an incident copies": f"{_COPIES}::test_no_copy_text_or_postmortem_of_the_incident_page_has_it",
    "a gateway that says it would be found": f"{_COPIES}::test_twin_what_the_gateway_says_would_be_found",
    "a secret in the environment of a child": "adapters/test_notify.py::test_a_window_that_a_click_opens_gets_no_secret",
    "a jump of the clock is said": f"{_CLOCKS}::test_a_clock_that_jumps_is_said_where_nobody_else_tells_the_time",
    "the banner is seen": "gui/test_notice_bar.py::test_clocks_that_differ_are_said_above_every_page_and_no_longer_than_they_do",
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
"""What is promised of clocks, metrics, secrets, drills, of acting together and of presence by behaviour, and where it is shown."""


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


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_each_fault_has_a_test_that_names_it(fault: int) -> None:
    assert f"Fault {fault}" in words_of(FAULTS[fault][0])


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_each_guard_has_a_twin(fault: int) -> None:
    twin = FAULTS[fault][1]
    if twin != NO_TWIN:
        assert any(mark in words_of(twin) for mark in ("twin", "without"))


@pytest.mark.parametrize("fault", sorted(WORLD))
def test_each_fault_of_the_world_has_a_test_that_names_it_and_a_twin_where_a_guard_keeps_it_out(fault: int) -> None:
    test, twin = WORLD[fault]
    said = words_of(test)
    assert re.search(rf"[Ff]ault {fault}\b", said), said
    if twin != NO_TWIN:
        assert any(mark in words_of(twin).lower() for mark in ("twin", "without"))


@pytest.mark.parametrize("rule", sorted(RULES))
def test_each_rule_that_wants_one_has_a_twin(rule: int) -> None:
    assert any(mark in words_of(RULES[rule]).lower() for mark in ("twin", "without"))


@pytest.mark.parametrize("promise", PROMISES)
def test_each_promise_of_drills_and_of_acting_together_is_shown_somewhere(promise: str) -> None:
    assert words_of(PROMISES[promise])
