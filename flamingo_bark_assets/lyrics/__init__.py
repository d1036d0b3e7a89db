"""Sung words: where they come from, when they are sung, in which language, and in which section of the song.

Everything about words that are sung belongs here; what a captioner says of the voice does not.
"""
