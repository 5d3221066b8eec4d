"""Casting: the drawn human who looks like the person of one or a few photographs."""
