"""The form of a song: its sections, where they begin and which are alike."""
