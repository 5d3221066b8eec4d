"""Photographs that move: the footage of a double that looks like them."""
