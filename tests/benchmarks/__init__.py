"""Scripts that print measured figures; run them by hand, nothing here is collected as a test."""
