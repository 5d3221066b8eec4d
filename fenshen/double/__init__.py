"""One person's double."""
