"""The real PostgreSQL of the store's tests, for the tests here."""

from __future__ import annotations

from tests.store.conftest import PostgresServer as PostgresServer, postgres as postgres
