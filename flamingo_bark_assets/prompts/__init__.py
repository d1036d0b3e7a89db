"""Prompts at the levels full track, stem and several instruments; nothing here judges or exports."""
