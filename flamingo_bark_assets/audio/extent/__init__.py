"""How far a sound file says that it goes, and how far it goes."""
