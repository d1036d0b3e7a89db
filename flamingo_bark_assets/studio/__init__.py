"""The studio: songs added, heard, reviewed, corrected and exported in the browser."""
