"""Ways to people outside the panel."""
