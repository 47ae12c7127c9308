"""Long videos are written in parts, so that a rendering that was interrupted goes on with the part that it was in.

The parts lie in a hidden folder beside the video until they are joined without being encoded again.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

from krolik.files import replacing

PART = 3000  # frames: about a minute of work


def spans(start: int, stop: int) -> list[tuple[int, int]]:
    """(first, stop) of each part."""
    return [(first, min(first + PART, stop)) for first in range(start, stop, PART)]


def write_in_parts(
    path: Path, key: str, parts: Sequence[tuple[int, int]], write: Callable[[Path, int, int], None],
    seconds_of: Callable[[int], Fraction],
) -> None:  # fmt: skip
    """Writes each part that is not there yet, then joins them as `path`. Raises StorageError.

    key: tells from which predictions and with which looks; parts of another rendering are not taken for this one's.
    seconds_of: when a frame is shown.
    """
    folder = path.with_name(f".{path.name}.{key}.parts")
    places = []
    for first, stop in parts:
        places.append(folder / f"{first:09d}.mp4")
        if not places[-1].exists():
            write(places[-1], first, stop)
    begin = seconds_of(parts[0][0])
    join(path, places, [seconds_of(first) - begin for first, _ in parts])
    shutil.rmtree(folder, ignore_errors=True)


def join(path: Path, parts: Sequence[Path], offsets: Sequence[Fraction]) -> None:
    """Videos of the same encoder after each other, each shifted by seconds; nothing is encoded again."""
    import av

    with (
        replacing(path) as partial,
        av.open(str(partial), "w", format="mp4", options={"movflags": "+faststart"}) as out,
    ):
        stream = None
        for place, offset in zip(parts, offsets):
            with av.open(str(place)) as container:
                source = container.streams.video[0]
                stream = stream or out.add_stream_from_template(source)
                assert source.time_base is not None
                shift = round(offset / source.time_base)
                for packet in container.demux(source):
                    if packet.pts is None or packet.dts is None:  # the end of the stream
                        continue
                    packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                    packet.stream = stream
                    out.mux(packet)
