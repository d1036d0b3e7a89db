"""Names of genres: the table of ID3v1, what stands in a genre field and names none, and how such a field is read."""
