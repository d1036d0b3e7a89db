"""A second measurement of a mix by librosa, and whether it agrees with ours."""
