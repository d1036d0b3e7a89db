"""Songs without stems, separated by a program that the user has installed; the program itself is not part of it."""
