"""The compatibility checker: may we deploy, and may we come back."""
