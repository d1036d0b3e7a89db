"""The drums stem: which drum sounds when, how hard, and in what pattern."""
