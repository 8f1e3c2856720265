"""What a keeper of secrets keeps."""

from __future__ import annotations

import pytest

from mlcontrol.ports.secrets import Secrets


class SecretsContract:
    """Fixtures: ``secrets``, unlocked and empty for the names used here."""

    def test_it_can_work_here(self, secrets: Secrets) -> None:
        assert secrets.viability().viable

    @pytest.mark.parametrize("secret", ["plain", "pä:ß 漢字", " spaces ", "x" * 4000])
    def test_a_secret_comes_back_as_it_went(self, secrets: Secrets, secret: str) -> None:
        secrets.set("contract", "registry", secret)
        try:
            assert secrets.get("contract", "registry") == secret
            assert secrets.get("contract", "other") is None
            assert secrets.get("other", "registry") is None
        finally:
            secrets.delete("contract", "registry")
        assert secrets.get("contract", "registry") is None

    def test_forgetting_what_is_not_there_is_no_error(self, secrets: Secrets) -> None:
        secrets.delete("contract", "nobody")
