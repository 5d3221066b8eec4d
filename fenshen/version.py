"""The version of Fenshen, in the files that it writes too."""

__version__ = "0.1.0"
