"""What a bass line consists of: notes, and how they lie to the drums and the chords."""
