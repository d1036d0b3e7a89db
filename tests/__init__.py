"""The tests: each reads as the specification of one behaviour."""
