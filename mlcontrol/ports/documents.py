"""Foreign documents and what is read in them: a registry's model file, a server's description of a model."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, runtime_checkable

from mlcontrol.core.signature import Signature


class DocumentKind(StrEnum):
    MLMODEL = "MLmodel file"
    OIP_METADATA = "model metadata"
    FILE = "model file"


@dataclass(frozen=True, slots=True)
class Document:
    """``text``: as it came; of a `FILE`, where it lies. ``name`` and ``version``: whose it is."""

    kind: DocumentKind
    text: str
    name: str = ""
    version: str | None = None


class DocumentReader(Protocol):
    def __call__(self, document: Document) -> Signature:
        """Raises `ProblemError`: code "unreadable" for what is none, "unknown" where it did not come to an end. *Thread:* any."""
        ...


@runtime_checkable
class ReadsDocuments(Protocol):
    """An adapter that reads foreign documents; whoever composes the program may say by whom, before the first is read."""

    documents: DocumentReader
