"""The tables of the panel's store, one file an area, one schema for SQLite and PostgreSQL."""
