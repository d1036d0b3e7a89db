"""The page of a song: its texts, claims, values, words, verdict and corrections."""
