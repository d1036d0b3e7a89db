"""Songs on disk: identifiers, folder layout, song.toml, import and fingerprints; no audio is decoded here."""
