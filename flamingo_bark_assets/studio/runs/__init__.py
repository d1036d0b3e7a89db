"""The page of runs, live, and Dagster behind it."""
