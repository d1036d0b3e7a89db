"""Our own Audio Flamingo 2, on transformers' Qwen2 and ClapAudioModel, for NVIDIA's released weights.

What this one model is belongs here; which questions it is asked and how far it is believed does not.
"""
