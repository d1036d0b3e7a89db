"""English phrases and sentences for measured values; which claims are true and who answers stand elsewhere."""
