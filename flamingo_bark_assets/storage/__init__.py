"""The feature store (a file a song, packs of songs) and its DuckDB publication; it knows not what a column means."""
