"""Which service answers which command, one file an area."""
