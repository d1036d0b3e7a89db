"""Songs and their stems in, datasets that a Bark model can be trained on out.

The package root exports nothing; import the module that owns the thing.
"""
