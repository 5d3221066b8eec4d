"""Photographs in new poses and expressions: the footage of a double that looks like them."""
