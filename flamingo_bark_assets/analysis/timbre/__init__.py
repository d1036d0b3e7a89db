"""The colour of a sound: the shape of its spectrum, its bands, what the ear makes of it."""
