"""The judge of a rollout: what each guard knows of the new version against the old one, at any moment one looks."""
