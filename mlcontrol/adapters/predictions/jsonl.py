"""Prediction logs as JSON Lines: ``20260131T02.jsonl``, one object a line."""

from __future__ import annotations

from mlcontrol.adapters.predictions.file_log import FileLog
from mlcontrol.adapters.predictions.log_format import JSON_LINES
from mlcontrol.ports.connection import Viability


class JsonLinesLog(FileLog):
    """See `FileLog`."""

    format = JSON_LINES

    @classmethod
    def viability(cls) -> Viability:
        return Viability(True)
