"""Video in and out, through PyAV."""

from fenshen.video.reading import MAX_PIXELS, Frame, VideoInfo, frames, probe
from fenshen.video.writing import WRITABLE, Audio, stream, write

__all__ = ["MAX_PIXELS", "WRITABLE", "Audio", "Frame", "VideoInfo", "frames", "probe", "stream", "write"]
