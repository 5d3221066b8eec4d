"""What a generator has learnt: directions with names, where its judge looks, which pictures it came near."""
