"""The fundamental frequency of one voice at a time."""
