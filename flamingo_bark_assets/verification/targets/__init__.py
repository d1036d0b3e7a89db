"""The reading rules of each trainer, one module a target."""
