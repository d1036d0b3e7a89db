"""The library page: songs in a table, filters, one edit of many."""
