"""The signal, transformed once for all measurements."""
