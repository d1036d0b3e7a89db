"""The studio: pages in the browser to listen to songs, review, correct and export them.

What belongs to the browser belongs here; what songs are and how they are measured does not.
"""
