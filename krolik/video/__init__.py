"""Video: an exact index of every frame, decoding, encoding; a folder of images is a video too."""

from krolik.video.frame import Frame
from krolik.video.images import ImageSequence
from krolik.video.index import VideoIndex
from krolik.video.reader import VideoFile
from krolik.video.source import Video, open_video

__all__ = ["Frame", "ImageSequence", "Video", "VideoFile", "VideoIndex", "open_video"]
