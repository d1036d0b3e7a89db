"""Captioning models and CLAP: catalogue, download, loading and inference; replies are read in captioning."""
