"""One person's double: the file on disk, making it from footage, and all that is then done with it."""
