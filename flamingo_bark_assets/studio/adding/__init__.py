"""The page on which songs are added: uploads, what songs they are, the library."""
