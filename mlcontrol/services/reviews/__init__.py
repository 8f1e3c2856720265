"""The review bench and its campaigns."""
