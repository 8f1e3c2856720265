"""Rules, alerts and who is told: pure functions and values."""
