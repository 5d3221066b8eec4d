"""Everything that moves the 58 controls over time: tracks, driving videos, idle movement, speech."""
