"""The results of the analysis: what is measured of the mix and of each kind of stem, with units."""
