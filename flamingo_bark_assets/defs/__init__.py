"""Dagster only, thin: assets that read, call one function and write; measurements, words and rules live elsewhere."""
