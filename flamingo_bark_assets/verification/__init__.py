"""Exports replayed as their trainers read them: what would fail, or train badly in silence."""
