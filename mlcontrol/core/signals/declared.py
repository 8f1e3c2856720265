"""Logged inputs and answers against what the signature declares of them: types, ranges, allowed values, what must be there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from mlcontrol.core.data_report import ANSWER
from mlcontrol.core.logged_value import class_name
from mlcontrol.core.signals.drift import FEWEST, LEAST_MISSING, LEAST_OUTSIDE, Aspect, Comparison, Judged
from mlcontrol.core.signals.log_columns import Column
from mlcontrol.core.signals.log_rows import Rows
from mlcontrol.core.signature import Domain, Field

_NUMBERS = ("int", "uint", "float", "double", "long")


def against_declared(
    inputs: Sequence[Field], rows: Rows, outputs: Sequence[Field] = (), prediction: str = ""
) -> tuple[Comparison, ...]:
    """``prediction``: which of ``outputs`` is the answer. What is declared needs no test: each breach is seen, and 1 % of them (2 %
    of gaps) is a finding. Whether something is missing is asked only where the log names inputs as the signature does."""
    found = [c for field in inputs for c in _field(field, field.name, rows)]
    found += [c for field in outputs if field.name == prediction for c in _field(field, ANSWER, rows)]
    if any(field.name in rows.log.columns for field in inputs):
        found += [c for field in inputs for c in _absent(field, rows)]
    return tuple(found)


def _field(field: Field, name: str, rows: Rows) -> Iterator[Comparison]:
    column = rows.log.columns.get(name)
    if column is None or column.known < FEWEST:
        return
    if (field.type or "").startswith(_NUMBERS) and not column.numeric and name != ANSWER:
        yield _breach(name, Aspect.TYPE, column, 1.0, f"declared {field.type} and holds words")
        return
    allowed = field.domain.values if field.domain is not None else None
    if allowed is None and name == ANSWER:
        allowed = field.classes
    if allowed is not None:
        yield _values(name, column, {class_name(one) for one in allowed})
    elif field.domain is not None and column.numeric:
        yield from _range(name, column, rows.vectors.get(name, column.numbers()), field.domain)


def _values(name: str, column: Column, allowed: set[str]) -> Comparison:
    told = column.numbers().tolist() if column.numeric else column.words_known().tolist()
    words: list[str] = [class_name(one) for one in told]
    strange = sorted({word for word in words if word not in allowed})
    share = float(np.mean([word not in allowed for word in words]))
    return _breach(name, Aspect.OUT_OF_RANGE, column, share, f"not among the declared values: {', '.join(strange[:5])}")


def _range(name: str, column: Column, values: np.ndarray, domain: Domain) -> Iterator[Comparison]:
    low, high = domain.min, domain.max
    if low is None and high is None:
        return
    outside = (values < (-np.inf if low is None else low)) | (values > (np.inf if high is None else high))
    words = f"outside {'-∞' if low is None else f'{low:g}'} to {'∞' if high is None else f'{high:g}'}"
    yield _breach(name, Aspect.OUT_OF_RANGE, column, float(np.mean(outside)), words)


def _absent(field: Field, rows: Rows) -> Iterator[Comparison]:
    column = rows.log.columns.get(field.name)
    if column is None:
        if field.required:
            why = "it is declared as required and no request has it"
            yield Comparison(
                field.name, Aspect.GONE_COLUMN, 0, rows.log.rows, judged=Judged.DRIFT, effect=1.0, harm=1.0, why=why
            )
    elif field.nullable is False and column.rows >= FEWEST:
        gaps = 1 - column.known / column.rows
        yield _breach(
            field.name,
            Aspect.MISSING,
            column,
            gaps,
            "have no value, and it is declared as never missing",
            LEAST_MISSING,
        )


def _breach(
    name: str, aspect: Aspect, column: Column, share: float, words: str, least: float = LEAST_OUTSIDE
) -> Comparison:
    why = words if aspect is Aspect.TYPE else f"{100 * share:.1f} % {words}"
    return Comparison(
        name, aspect, 0, column.rows if aspect is Aspect.MISSING else column.known, measure="share", effect=share, least=least,
        judged=Judged.DRIFT if share >= least else Judged.NONE, harm=share, why=why,
    )  # fmt: skip
