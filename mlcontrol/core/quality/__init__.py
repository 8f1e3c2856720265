"""How good a model's answers are, from what came to be known of them: values and pure functions."""
