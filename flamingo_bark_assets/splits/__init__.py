"""Which part of the dataset a song belongs to: duplicates are found by their sound and share a split."""
