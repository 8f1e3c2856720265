"""The questions that are asked of a prediction log, in DuckDB's SQL, over views ``log``, ``labels`` and ``feedback``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from mlcontrol.adapters.predictions.logged import FAILURES_BY_SLICE, LOGGED, as_answers, logged
from mlcontrol.adapters.predictions.sql_text import ONCE, same, word
from mlcontrol.core.judge.answers import Answers
from mlcontrol.core.review.feedback import is_positive
from mlcontrol.ports.predictions import (
    MOST_ANSWERS,
    LoggedFeedback,
    LoggedPrediction,
    QualityBucket,
    SliceFailures,
    VersionEvidence,
    VersionLatency,
    VersionShare,
)

_PLAIN, _LABEL = word("json_extract(outputs, $path)"), word("label")


class LogQuestions(ABC):
    """Whoever extends it says where the views come from: `_ask`. *Thread:* any."""

    def shares(
        self, service: str, since_s: float, until_s: float, deadline_s: float = 10.0
    ) -> tuple[VersionShare, ...]:
        rows = self._ask(
            service,
            since_s,
            until_s,
            deadline_s,
            "select coalesce(version, ''), count(*) filter (error is null), count(*) filter (error is not null)"  # noqa: S608 - no foreign text
            f" from (select version, error from log {ONCE}) group by 1 order by 1",
        )
        return tuple(VersionShare(version, answered, failed) for version, answered, failed in rows)

    def quality(
        self,
        service: str,
        prediction: str,
        since_s: float,
        until_s: float,
        bucket_s: float,
        regression: bool,
        deadline_s: float = 10.0,
    ) -> tuple[QualityBucket, ...]:
        if regression:
            sums = ("(answer - truth) ** 2", "abs(answer - truth)", "(answer - truth) ** 4")
            scored = ", ".join(["0", *(f"coalesce(sum({one}), 0)" for one in sums)])
            counted, kind = "count(answer - truth)", "try_cast({} as double)"
        else:
            scored, counted, kind = (
                f"count(*) filter ({same('answer', 'truth')}), 0, 0, null",
                "count(answer || truth)",
                "{}",
            )
        rows = self._ask(
            service,
            since_s,
            until_s,
            deadline_s,
            f"select floor(at_s / $bucket) * $bucket, version, count(*), {counted}, {scored} from"  # noqa: S608 - no foreign text
            f" (select at_s, version, {kind.format(_PLAIN)} as answer, {kind.format(_LABEL)} as truth"
            f" from (select * from log where error is null and version is not null {ONCE})"
            " left join labels using (request_id)) group by 1, 2 order by 1, 2",
            {"bucket": bucket_s, "path": f'$."{prediction}"'},
            labels=True,
        )
        return tuple(QualityBucket(*row) for row in rows)

    def latency(
        self, service: str, since_s: float, until_s: float, deadline_s: float = 10.0
    ) -> tuple[VersionLatency, ...]:
        rows = self._ask(
            service,
            since_s,
            until_s,
            deadline_s,
            "select coalesce(version, ''), count(*), quantile_cont(latency_ms, [0.5, 0.9, 0.99])"
            " from log where latency_ms is not null group by 1 order by 1",
        )
        return tuple(VersionLatency(version, n, *quantiles) for version, n, quantiles in rows)

    def evidence(
        self,
        service: str,
        prediction: str,
        since_s: float,
        until_s: float,
        thresholds_ms: tuple[float, ...],
        bins: tuple[float, ...] = (),
        deadline_s: float = 10.0,
    ) -> tuple[VersionEvidence, ...]:
        value = _answer(bins)
        slower = "".join(f", count(*) filter (latency_ms > {float(limit)!r})" for limit in thresholds_ms)
        rows = self._ask(
            service,
            since_s,
            until_s,
            deadline_s,
            f"select version, {value}, count(latency_ms){slower}"  # noqa: S608 - numbers of our own, no foreign text
            f" from (select * from log where version is not null {ONCE}) group by 1, 2 order by 1, 2",
            {"path": f'$."{prediction}"'},
        )
        found: dict[str, VersionEvidence] = {}
        for version, answer, answered, *counts in rows:
            known = found.get(version, VersionEvidence(version, 0, (0,) * len(thresholds_ms), {}))
            predictions = dict(known.predictions)
            if answer is not None:
                predictions[str(answer)] = predictions.get(str(answer), 0) + int(answered)
            total = tuple(a + b for a, b in zip(known.slower, counts, strict=True))
            found[version] = VersionEvidence(version, known.answered + answered, total, predictions)
        return tuple(found.values())

    def answers(
        self,
        service: str,
        prediction: str,
        since_s: float,
        until_s: float,
        bins: tuple[float, ...] = (),
        deadline_s: float = 30.0,
    ) -> Answers:
        right = f"case when {_PLAIN} || {_LABEL} is null then -1 when {same(_PLAIN, _LABEL)} then 1 else 0 end"
        rows = self._ask(
            service,
            since_s,
            until_s,
            deadline_s,
            f"select at_s, md5_number_lower(request_id) / 18446744073709551616.0, error is not null, latency_ms,"  # noqa: S608
            f" case when error is null then {_answer(bins)} end, {right}, version"
            f" from (select * from log {ONCE}) left join labels using (request_id) order by at_s desc limit $most",
            {"path": f'$."{prediction}"', "most": MOST_ANSWERS},
            labels=True,
        )
        return as_answers(rows[::-1])

    def slices(
        self, service: str, since_s: float, until_s: float, deadline_s: float = 10.0
    ) -> dict[str, dict[str, int]]:
        rows = self._ask(
            service,
            since_s,
            until_s,
            deadline_s,
            # json_each, not a JSON path: a name from the log may hold any character.
            "select pair.key, json_extract_string(pair.value, '$'), count(*) from log, json_each(log.slices) as pair "
            "group by 1, 2 order by 1, 2",
        )
        result: dict[str, dict[str, int]] = {}
        for name, value, count in rows:
            result.setdefault(name, {})[str(value)] = count
        return result

    def feedback(
        self, service: str, since_s: float, until_s: float, deadline_s: float = 10.0
    ) -> tuple[LoggedFeedback, ...]:
        rows = self._ask(
            service,
            since_s,
            until_s,
            deadline_s,
            # One answer, one say of a kind: who clicks twice counts once, by what was said last.
            "select version, kind, value, count(*) from (select request_id, kind, arg_max(value::varchar, "
            "(coalesce(at_s, -1e18), value::varchar)) as value from feedback where kind is not null group by 1, 2) "
            "join (select distinct request_id, version from log) using (request_id) "
            "where version is not null group by 1, 2, 3 order by 1, 2",
            feedback=True,
        )
        found: dict[tuple[str, str], tuple[int, int]] = {}
        for version, kind, value, count in rows:
            good = is_positive(value)
            if good is not None:
                x, n = found.get((version, kind), (0, 0))
                found[version, kind] = x + count * good, n + count
        return tuple(LoggedFeedback(version, kind, x, n) for (version, kind), (x, n) in found.items())

    def failures_by_slice(
        self, service: str, since_s: float, until_s: float, deadline_s: float = 10.0
    ) -> tuple[SliceFailures, ...]:
        rows = self._ask(service, since_s, until_s, deadline_s, FAILURES_BY_SLICE)
        return tuple(SliceFailures(str(name), str(value), n, failed) for name, value, n, failed in rows)

    def failures(
        self, service: str, n: int, since_s: float, until_s: float, deadline_s: float = 10.0
    ) -> tuple[LoggedPrediction, ...]:
        question = (
            f"select {LOGGED} from log left join labels using (request_id)"  # noqa: S608 - no foreign text
            " where error is not null order by at_s desc, request_id limit $n"
        )
        rows = self._ask(service, since_s, until_s, deadline_s, question, {"n": n}, labels=True)
        return tuple(logged(row) for row in rows)

    def sample(
        self,
        service: str,
        n: int,
        seed: int,
        since_s: float,
        until_s: float,
        version: str | None = None,
        deadline_s: float = 10.0,
    ) -> tuple[LoggedPrediction, ...]:
        # Ordered by a hash of request and seed: the same choice from the same log, on any number of threads.
        rows = self._ask(
            service,
            since_s,
            until_s,
            deadline_s,
            f"select {LOGGED} from (select * from log where error is null and version is not null"  # noqa: S608 - no foreign text
            f" and ($version is null or version = $version) {ONCE} order by md5(request_id || $seed::varchar) limit $n)"
            " left join labels using (request_id) order by md5(request_id || $seed::varchar)",
            {"version": version, "seed": seed, "n": n},
            labels=True,
        )
        return tuple(logged(row) for row in rows)

    @abstractmethod
    def _ask(
        self,
        service: str,
        since_s: float,
        until_s: float,
        deadline_s: float,
        question: str,
        values: dict[str, Any] | None = None,
        labels: bool = False,
        feedback: bool = False,
    ) -> list[tuple[Any, ...]]:
        """Run one question over ``log`` (``request_id, at_s, version, inputs, outputs, slices, status, error, latency_ms`` of the
        span) and, where asked for, ``labels`` (``request_id, label, contradicted``, one row a request, see `one_label_each`) and
        ``feedback`` (``request_id, kind, value, at_s``)."""


def _answer(bins: tuple[float, ...]) -> str:
    """SQL for what was answered: a class, or the bin of a number."""
    if not bins:
        return _PLAIN
    above = " + ".join(f"(try_cast({_PLAIN} as double) >= {float(edge)!r})::int" for edge in bins)
    return f"'bin ' || ({above})::varchar"
