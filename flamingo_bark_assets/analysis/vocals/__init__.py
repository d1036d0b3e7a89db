"""The vocals stem: where there is a voice, its pitch, vowels, vibrato and quality."""
