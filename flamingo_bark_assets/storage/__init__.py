"""Parquet truth, its DuckDB publication and atomic writes; nothing here knows what a column means."""
