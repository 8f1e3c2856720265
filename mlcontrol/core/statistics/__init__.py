"""Statistics that a person may bet production on, each checked against published values."""
