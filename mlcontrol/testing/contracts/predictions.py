"""What a prediction log keeps."""

from __future__ import annotations

import json

from mlcontrol.ports.predictions import PredictionLog
from mlcontrol.ports.serving import OWN_QUESTIONS
from mlcontrol.testing.contracts.connection import ConnectionContract

DEADLINE_S = 120.0
"""Of a question in a test: on a machine that runs a whole suite beside it. That deadlines hold is tested by itself."""


class PredictionsContract(ConnectionContract):
    """Fixtures: ``adapter``; ``service``, logged there with labels; ``prediction``, the output that is the answer; ``span``,
    (since, until) in UTC seconds, in the past, with answered and labelled requests in it."""

    def test_counts_agree_with_each_other(
        self, adapter: PredictionLog, service: str, prediction: str, span: tuple[float, float]
    ) -> None:
        shares = adapter.shares(service, *span, deadline_s=DEADLINE_S)
        buckets = adapter.quality(service, prediction, *span, bucket_s=60.0, regression=False, deadline_s=DEADLINE_S)
        answered = sum(share.answered for share in shares)
        assert answered > 0
        assert sum(bucket.served for bucket in buckets) == answered
        assert all(0 <= bucket.correct <= bucket.n <= bucket.served for bucket in buckets)
        assert any(bucket.n for bucket in buckets)

    def test_the_evidence_of_a_judge_agrees_with_the_counts(
        self, adapter: PredictionLog, service: str, prediction: str, span: tuple[float, float]
    ) -> None:
        answered = {
            share.version: share.answered
            for share in adapter.shares(service, *span, deadline_s=DEADLINE_S)
            if share.version
        }
        found = adapter.evidence(service, prediction, *span, (0.0, 1e9), deadline_s=DEADLINE_S)
        assert {e.version for e in found} == set(answered)
        for one in found:
            assert one.slower[1] == 0 <= one.slower[0] <= one.answered
            assert sum(one.predictions.values()) <= answered[one.version]
        binned = adapter.evidence(service, prediction, *span, (), (0.0, 1.0), deadline_s=DEADLINE_S)
        assert {name for one in binned for name in one.predictions} <= {"bin 0", "bin 1", "bin 2"}

    def test_answers_one_by_one_agree_with_the_counts(
        self, adapter: PredictionLog, service: str, prediction: str, span: tuple[float, float]
    ) -> None:
        shares, found = (
            adapter.shares(service, *span, deadline_s=DEADLINE_S),
            adapter.answers(service, prediction, *span, deadline_s=DEADLINE_S),
        )
        assert len(found) == sum(share.answered + share.failed for share in shares)
        assert int(found.failed.sum()) == sum(share.failed for share in shares)
        assert (found.at_s[1:] >= found.at_s[:-1]).all()
        assert ((found.ticket >= 0) & (found.ticket < 1)).all()
        assert 0.3 < found.ticket.mean() < 0.7
        for place, version in enumerate(found.versions):
            named = int((found.version == place).sum())
            assert named == sum(share.answered + share.failed for share in shares if share.version == version)
        # A live log goes on: a label may arrive between two readings, so it is read until none did.
        for _ in range(20):
            right = int((adapter.answers(service, prediction, *span, deadline_s=DEADLINE_S).right == 1).sum())
            judged = adapter.quality(service, prediction, *span, bucket_s=60.0, regression=False, deadline_s=DEADLINE_S)
            if int((adapter.answers(service, prediction, *span, deadline_s=DEADLINE_S).right == 1).sum()) == right:
                break
        assert right == sum(bucket.correct for bucket in judged)
        assert len(adapter.answers("nobody", prediction, *span, deadline_s=DEADLINE_S)) == 0

    def test_failures_are_counted_and_shown_alike(
        self, adapter: PredictionLog, service: str, span: tuple[float, float]
    ) -> None:
        failed = sum(share.failed for share in adapter.shares(service, *span, deadline_s=DEADLINE_S))
        shown = adapter.failures(service, 10_000, *span, deadline_s=DEADLINE_S)
        assert len(shown) == failed
        assert all(one.error is not None for one in shown)
        by_name: dict[str, int] = {}
        for one in adapter.failures_by_slice(service, *span, deadline_s=DEADLINE_S):
            assert 0 <= one.failed <= one.requests
            by_name[one.name] = by_name.get(one.name, 0) + one.failed
        assert all(count <= failed for count in by_name.values())

    def test_what_the_panel_asked_itself_is_left_out(
        self, adapter: PredictionLog, service: str, span: tuple[float, float]
    ) -> None:
        """A server logs the panel's own queries (ids that begin with `OWN_QUESTIONS`) like those of callers."""
        held = adapter.sample(service, 10_000, 1, *span, deadline_s=DEADLINE_S)
        assert not [item.request_id for item in held if item.request_id.startswith(OWN_QUESTIONS)]
        shares = adapter.shares(service, *span, deadline_s=DEADLINE_S)
        assert len(held) == sum(share.answered for share in shares if share.version)

    def test_spans_are_half_open(self, adapter: PredictionLog, service: str, span: tuple[float, float]) -> None:
        since, until = span
        middle = (since + until) / 2
        halves = [
            adapter.shares(service, since, middle, deadline_s=DEADLINE_S),
            adapter.shares(service, middle, until, deadline_s=DEADLINE_S),
        ]
        assert sum(share.answered for half in halves for share in half) == sum(
            share.answered for share in adapter.shares(service, *span, deadline_s=DEADLINE_S)
        )

    def test_slices_are_counted_by_name_and_value(
        self, adapter: PredictionLog, service: str, span: tuple[float, float]
    ) -> None:
        total = sum(share.answered + share.failed for share in adapter.shares(service, *span, deadline_s=DEADLINE_S))
        for counts in adapter.slices(service, *span, deadline_s=DEADLINE_S).values():
            assert sum(counts.values()) <= total

    def test_a_sample_is_a_choice_that_its_seed_decides(
        self, adapter: PredictionLog, service: str, span: tuple[float, float]
    ) -> None:
        first = adapter.sample(service, 5, 1, *span, deadline_s=DEADLINE_S)
        assert first == adapter.sample(service, 5, 1, *span, deadline_s=DEADLINE_S)
        assert [item.request_id for item in first] != [
            item.request_id for item in adapter.sample(service, 5, 2, *span, deadline_s=DEADLINE_S)
        ]
        assert len({item.request_id for item in first}) == len(first) == 5
        for item in first:
            assert span[0] <= item.at_s < span[1]
            assert isinstance(json.loads(item.inputs), dict)
            assert isinstance(json.loads(item.outputs), dict)

    def test_a_service_without_a_log_has_no_predictions(
        self, adapter: PredictionLog, span: tuple[float, float]
    ) -> None:
        assert adapter.shares("nobody", *span, deadline_s=DEADLINE_S) == ()
        assert adapter.sample("nobody", 5, 1, *span, deadline_s=DEADLINE_S) == ()
