"""The page of disputed claims."""
