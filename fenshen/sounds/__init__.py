"""Sounds to sounds: what is damaged in a recording, mended."""
