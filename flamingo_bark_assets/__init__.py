"""Songs and their stems in, datasets that a Bark model can be trained on out.

The package root exports nothing; import the module that owns the thing.
"""

import os

# How OpenMP's threads wait for one another, which they read when torch is first imported. Wide awake they burn a second
# CPU for nothing and, where other programs run beside them, hold up the one that they wait for: describing a song by
# Audio Flamingo 2 took 54 CPU-s asleep and 168 awake on two busy cores. A moment of looking (GNU's runtime) spares
# waking them for each of a thousand small steps a token.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "1500")
