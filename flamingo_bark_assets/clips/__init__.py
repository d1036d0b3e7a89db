"""Training clips: where a song is cut, what is measured inside each piece, and how its sound is rendered."""
