"""Notes, chords, key and tuning of a song."""
