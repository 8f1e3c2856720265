"""Foreign documents read for their signatures by whom the adapter was given: here, or in a process of its own.

A document comes from a registry or a server, and whoever wrote it may mean ill: the engine has it read by one that it can end.
"""

from __future__ import annotations

from pathlib import Path

from mlcontrol.adapters.signatures.bounds import Unreadable, mapping, parse_json
from mlcontrol.adapters.signatures.files import read_path
from mlcontrol.adapters.signatures.mlmodel import read_mlmodel
from mlcontrol.adapters.signatures.oip import read_metadata
from mlcontrol.core.problem import ProblemError
from mlcontrol.core.signature import Signature
from mlcontrol.ports.documents import Document, DocumentKind, DocumentReader


def read_here(document: Document) -> Signature:
    """On the calling thread, for as long as it takes. Raises `Unreadable`."""
    if document.kind is DocumentKind.MLMODEL:
        return read_mlmodel(document.text, document.name, document.version)
    if document.kind is DocumentKind.OIP_METADATA:
        return read_metadata(mapping(parse_json(document.text, "model metadata"), "Model metadata"))
    return read_path(Path(document.text))


def read(document: Document, reader: DocumentReader) -> Signature:
    """Raises `Unreadable`, with the reader's own code."""
    try:
        return reader(document)
    except Unreadable:
        raise
    except ProblemError as error:
        raise Unreadable.of(error.problem) from error
