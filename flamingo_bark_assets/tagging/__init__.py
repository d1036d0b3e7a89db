"""Tags of a sound by two small networks whose weights come with the package; no caption is written here."""
