"""Reads an HDF5 file through in a process of its own: a damaged one can make the library crash, hang or eat memory."""

from __future__ import annotations

import faulthandler
import subprocess
import sys
import threading
from pathlib import Path

from krolik.errors import InvalidFile

PROGRAM = "import sys; from krolik.formats.probe import main; sys.exit(main(sys.argv[1], float(sys.argv[2])))"
MOST_MEMORY = 3 << 30
SIGNATURE = b"\x89HDF\r\n\x1a\n"
START_S = 300  # a busy computer may take long to start a process, which says nothing of the file
PATIENCE_S, BYTES_PER_S = 10, 10 << 20
BEGAN = "began"
PIECE = 1 << 24  # bytes of an array that are read at once


def ensure_readable(path: Path) -> None:
    """Raises InvalidFile when the file is HDF5 and cannot be read through."""
    with path.open("rb") as file:
        if file.read(8) != SIGNATURE:
            return
    patience = PATIENCE_S + path.stat().st_size / BYTES_PER_S
    command = [sys.executable, "-c", PROGRAM, str(path.absolute()), str(patience)]
    said: list[str] = []
    began = threading.Event()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        listener = threading.Thread(target=_listen, args=(process, said, began), daemon=True)
        listener.start()
        try:
            if not began.wait(START_S):
                raise InvalidFile("an HDF5 file that could not be looked through: the computer is too busy", path)
            process.wait(patience)
        except subprocess.TimeoutExpired as error:
            raise InvalidFile("a damaged HDF5 file: reading it does not end", path) from error
        finally:
            process.kill()
            listener.join()
    if process.returncode == 0:
        return
    raise InvalidFile(f"not a readable HDF5 file ({said[-1][:200] if said else 'damaged'})", path)


def _listen(process: subprocess.Popen, said: list[str], began: threading.Event) -> None:
    """Hears what the second process says until it ends, and that it has begun to read."""
    for line in process.stdout or ():
        if line.strip() == BEGAN:
            began.set()
        elif line.strip():
            said.append(line.strip())
    began.set()


def _read_through(path: str, seconds: float) -> None:
    import h5py

    from krolik.formats.reading import checked

    print(BEGAN, flush=True)
    faulthandler.dump_traceback_later(seconds + 1, exit=True)

    def look(_: str, thing) -> None:
        for name in thing.attrs:
            thing.attrs[name]
        if isinstance(thing, h5py.Dataset) and thing.shape is not None:
            data = checked(thing, str(thing.name))
            rows = data.shape[0] if data.shape else 0
            width = (data.size or 0) * max(1, data.dtype.itemsize) // max(1, rows)
            if not rows or h5py.check_ref_dtype(data.dtype):
                return
            step = max(1, PIECE // max(1, width))
            for start in range(0, rows, step):
                data[start : start + step]

    with h5py.File(path, "r") as file:
        look("/", file)
        file.visititems(look)


def main(path: str, seconds: float) -> int:
    """The second process: 0, or 1 and a sentence for what cannot be read. It ends after so many seconds."""
    # its watchdog needs no interpreter, which the library may never give back; nothing outlives a killed parent
    faulthandler.dump_traceback_later(START_S + seconds + 1, exit=True)
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    try:
        _read_through(path, seconds)
    except Exception as error:  # noqa: BLE001 (whatever the library raises is told)
        print(str(error).splitlines()[0] if str(error) else type(error).__name__)
        return 1
    return 0
