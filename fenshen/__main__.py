"""``python -m fenshen``, for torchrun and for machines where scripts are not on the path."""

from fenshen.cli import main

main()
