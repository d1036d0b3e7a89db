"""Training clips: where a song is cut, what is heard inside each piece, and how its sound is rendered."""
