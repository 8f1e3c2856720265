"""Prediction logs as CSV: a header, one entry a row; objects as JSON text or as columns of their own (``inputs.age``)."""

from __future__ import annotations

from mlcontrol.adapters.predictions.file_log import FileLog
from mlcontrol.adapters.predictions.log_format import CSV
from mlcontrol.ports.connection import Viability


class CsvLog(FileLog):
    """See `FileLog`. The row after the last line end is still being written."""

    format = CSV

    @classmethod
    def viability(cls) -> Viability:
        return Viability(True)
