"""Music information retrieval: one entry function and one result type a module.

Nothing here reads files or knows Dagster.
"""
