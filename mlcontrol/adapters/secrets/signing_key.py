"""The key that signs audit checkpoints: in the keyring, or, where there is none, in a file that only its owner may read."""

from __future__ import annotations

import os
from pathlib import Path

from mlcontrol.core.problem import Problem, ProblemError
from mlcontrol.ports.errors import NeedsCredentials
from mlcontrol.ports.secrets import Secrets

ENTRY = "~audit-signing-key"


class SigningKey:
    """Ed25519. ``folder``: where the file goes if it must be one. *Thread:* `load` once, then any."""

    def __init__(self, workspace: str, secrets: Secrets, folder: Path) -> None:
        self._workspace = workspace
        self._secrets = secrets
        self._file = folder / "audit-signing-key-without-a-keyring"
        self._seed = b""
        self.public_key = ""
        self.new = False

    def load(self) -> str:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        seed, where = self._find()
        self.public_key = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw().hex()
        self._seed = seed
        return where

    def sign(self, message: bytes) -> str:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        return Ed25519PrivateKey.from_private_bytes(self._seed).sign(message).hex()

    def fits(self, public_key: str, message: bytes, signature: str) -> bool:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        try:
            Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key)).verify(bytes.fromhex(signature), message)
        except (InvalidSignature, ValueError):
            return False
        return True

    def _find(self) -> tuple[bytes, str]:
        viability = self._secrets.viability()
        if not viability.viable:
            return self._in_file(viability.why)
        # A locked keyring is not replaced by a file: a key that changes its place looks like somebody else's.
        kept = self._secrets.get(self._workspace, ENTRY)
        if kept is None:
            self.new = True
            kept = os.urandom(32).hex()
            self._secrets.set(self._workspace, ENTRY, kept)
        return _seed_of(kept, "the keyring"), "in the keyring"

    def _in_file(self, why: str) -> tuple[bytes, str]:
        where = (
            f"in the file {self._file}, which only you may read, because there is no keyring: {why.removesuffix('.')}"
        )
        try:
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                descriptor = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            except FileExistsError:
                if self._file.stat().st_mode & 0o077:
                    raise NeedsCredentials(
                        Problem(
                            "The key that signs the audit log is not used.",
                            f"Others may read {self._file}.",
                            "Find out why, then chmod 600 it, or remove it to have a new one made.",
                            "needs-credentials",
                        )
                    ) from None
                return _seed_of(self._file.read_text(), str(self._file)), where
            seed = os.urandom(32)
            with os.fdopen(descriptor, "w") as file:
                file.write(seed.hex())
        except OSError as error:
            raise ProblemError(
                Problem("The audit log is not signed.", f"{self._file}: {error.strerror}", "", "needs-credentials")
            ) from error
        self.new = True
        return seed, where


def _seed_of(text: str, where: str) -> bytes:
    try:
        seed = bytes.fromhex(text.strip())
    except ValueError:
        seed = b""
    if len(seed) != 32:
        raise NeedsCredentials(
            Problem(f"The key in {where} that signs the audit log is damaged.", "", "Remove it.", "needs-credentials")
        )
    return seed
