"""The configuration language: YAML with positions, environment, models, checks; errors all at once."""
