"""The feature store in Parquet and its DuckDB publication; nothing here knows what a column means."""
