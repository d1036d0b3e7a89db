"""Dagster only, thin: assets that read, call one function and write; no measurement, wording or judgement lives here."""
