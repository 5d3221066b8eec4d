"""Casting: find the synthetic human that looks like the person of one or a few photographs."""
