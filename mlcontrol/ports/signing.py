"""Signs the audit log's checkpoints with a key of this panel's own."""

from __future__ import annotations

from typing import Protocol


class Signer(Protocol):
    """Ed25519; keys and signatures are hex. Loading the key may block on a locked keyring: `load` holds a deadline."""

    def load(self) -> str:
        """Find or make the key; says in words where it is kept. Raises `ProblemError`. Called before anything else."""
        ...

    @property
    def public_key(self) -> str:
        """Empty until loaded."""
        ...

    @property
    def new(self) -> bool:
        """Whether `load` has made the key."""
        ...

    def sign(self, message: bytes) -> str: ...
    def fits(self, public_key: str, message: bytes, signature: str) -> bool: ...
