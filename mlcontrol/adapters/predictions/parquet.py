"""Prediction logs as Parquet: objects as structs, as JSON text or as columns of their own (``inputs.age``)."""

from __future__ import annotations

from mlcontrol.adapters.predictions.file_log import FileLog
from mlcontrol.adapters.predictions.log_format import PARQUET
from mlcontrol.ports.connection import Viability


class ParquetLog(FileLog):
    """See `FileLog`. A file without its end is still being written."""

    format = PARQUET

    @classmethod
    def viability(cls) -> Viability:
        return Viability(True)
