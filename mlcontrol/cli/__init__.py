"""The command line: one file a command, the same engine, guards and audit as the window. Starts without Qt."""
