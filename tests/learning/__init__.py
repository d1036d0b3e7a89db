"""Training of the learned parts; nothing here is imported by the package."""
