"""Judgement and the files of the per-song dataset; nothing here measures sound or knows Dagster."""
