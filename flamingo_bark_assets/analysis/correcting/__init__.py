"""Measurements that a person has corrected: what was measured stays beside what they say."""
