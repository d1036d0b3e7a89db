"""Datasets in the layouts that trainers load: one target a trainer, written from the clips of all fit songs."""
