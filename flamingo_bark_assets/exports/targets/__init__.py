"""One module a target: what its trainer reads, written from clips."""
