"""What a model registry keeps."""

from __future__ import annotations

import re

import pytest

from mlcontrol.core.artifact import whole_digest
from mlcontrol.ports.errors import NotFound
from mlcontrol.ports.registry import Registry
from mlcontrol.testing.contracts.connection import NetworkContract


class RegistryContract(NetworkContract):
    """Fixtures: ``adapter``; ``model``, registered there with at least two versions, ``alias`` set on one of them."""

    def test_it_lists_its_models(self, adapter: Registry, model: str) -> None:
        assert model in {found.name for found in adapter.models()}
        assert adapter.model(model).name == model

    def test_versions_come_newest_first_with_what_is_known_of_them(
        self, adapter: Registry, model: str, alias: str
    ) -> None:
        versions = adapter.versions(model)
        assert len(versions) >= 2
        created = [version.created_s for version in versions if version.created_s is not None]
        assert created == sorted(created, reverse=True)
        assert len({version.version for version in versions}) == len(versions)
        assert [version.version for version in versions if alias in version.aliases] == [
            adapter.model(model).aliases[alias]
        ]

    def test_a_signature_names_its_inputs(self, adapter: Registry, model: str) -> None:
        version = adapter.versions(model)[0].version
        signature = adapter.signature(model, version)
        assert (signature.name, signature.version) == (model, version)
        assert signature.inputs is None or all(field.name for field in signature.inputs)

    def test_the_digest_is_that_of_the_files_and_the_recorded_one(self, adapter: Registry, model: str) -> None:
        found = adapter.versions(model)[0]
        files = adapter.artifacts(model, found.version)
        assert [file.path for file in files] == sorted(file.path for file in files)
        computed = adapter.digest(model, found.version)
        assert re.fullmatch(r"sha256:[0-9a-f]{64}", computed)
        assert found.digest in (None, computed)
        by_file = adapter.file_digests(model, found.version)
        assert set(by_file) == {file.path for file in files}
        assert whole_digest(by_file) == computed

    def test_an_alias_moves_and_is_read_back(self, adapter: Registry, model: str, alias: str) -> None:
        before = adapter.resolve_alias(model, alias)
        assert before is not None
        other = next(found.version for found in adapter.versions(model) if found.version != before)
        try:
            adapter.set_alias(model, alias, other)
            assert adapter.resolve_alias(model, alias) == other
            assert adapter.model(model).aliases[alias] == other
        finally:
            adapter.set_alias(model, alias, before)
        assert adapter.resolve_alias(model, alias) == before

    def test_what_is_not_there_is_said_to_be_not_there(self, adapter: Registry, model: str) -> None:
        assert adapter.resolve_alias(model, "no-such-alias") is None
        for ask in (
            lambda: adapter.model("no-such-model"),
            lambda: adapter.versions("no-such-model"),
            lambda: adapter.resolve_alias("no-such-model", "champion"),
            lambda: adapter.signature(model, "9999"),
            lambda: adapter.artifacts(model, "9999"),
            lambda: adapter.digest(model, "9999"),
            lambda: adapter.set_alias(model, "champion", "9999"),
        ):
            with pytest.raises(NotFound):
                ask()
