"""Files that others wrote or may read at any moment: opened safely, written whole or not at all."""
