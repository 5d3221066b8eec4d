"""One speech engine a module; each registers itself with :data:`fenshen.motion.speech.ENGINES`."""
