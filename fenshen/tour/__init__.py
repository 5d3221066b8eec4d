"""The tour: a person who does not exist is filmed, doubled and made to speak, and a generator learns from pictures."""
