"""The engine: a process that acts. It outlives windows and is reached through `messages`."""
