"""Settings of the whole process, made once by a program (the command line, a benchmark), never by an import."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

# How long an idle thread of OpenMP spins before it sleeps. GCC's default spins so long that two programs on two cores
# slow each other down thirtyfold (measured: 2,900 ms for a step of 40 ms); with this it is fivefold, and alone nothing
# is lost.
SPIN_COUNT = "10000"


def prepare() -> None:
    """To be called before torch is imported. What the user has set in the environment stays."""
    os.environ.setdefault("GOMP_SPINCOUNT", SPIN_COUNT)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # what matrix products on a GPU need to repeat exactly


def exists(pid: int) -> bool:
    """Whether some process has this number now."""
    if sys.platform == "win32":
        import ctypes

        query = 0x1000  # PROCESS_QUERY_LIMITED_INFORMATION
        handle = ctypes.windll.kernel32.OpenProcess(query, False, pid)
        if handle:
            ctypes.windll.kernel32.CloseHandle(handle)
        return bool(handle)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def lower_priority() -> None:
    """Lets what a person waits for go first."""
    if sys.platform == "win32":
        import ctypes

        below_normal = 0x4000
        ctypes.windll.kernel32.SetPriorityClass(ctypes.windll.kernel32.GetCurrentProcess(), below_normal)
    else:
        os.nice(15)


def memory_bytes() -> int | None:
    """How much memory there is for all programs, or what a container or a cluster's job may use; None if unknown."""
    limits = [_physical_on_windows() if sys.platform == "win32" else _physical()]
    for place in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):  # version 2, version 1
        with suppress(OSError, ValueError):  # "max": no limit
            limits.append(int(Path(place).read_text()))
    known = [limit for limit in limits if limit is not None]
    return min(known) if known else None


def _physical() -> int | None:
    with suppress(OSError, ValueError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return None


def _physical_on_windows() -> int | None:
    import ctypes

    class Status(ctypes.Structure):
        _fields_ = [
            ("length", ctypes.c_ulong),
            ("load", ctypes.c_ulong),
            *((f"size{i}", ctypes.c_uint64) for i in range(7)),
        ]

    status = Status(length=ctypes.sizeof(Status))
    kernel = ctypes.windll.kernel32  # pyright: ignore[reportAttributeAccessIssue]
    return int(status.size0) if kernel.GlobalMemoryStatusEx(ctypes.byref(status)) else None  # ullTotalPhys


def peak_memory_bytes() -> int | None:
    """The most memory that this process has had so far; None where the system does not say."""
    try:
        import resource
    except ImportError:
        return _peak_on_windows()
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used if sys.platform == "darwin" else 1024 * used  # macOS counts bytes, Linux kilobytes


def _peak_on_windows() -> int | None:
    import ctypes

    class Counters(ctypes.Structure):
        _fields_ = [
            ("cb", ctypes.c_ulong),
            ("faults", ctypes.c_ulong),
            *((f"size{i}", ctypes.c_size_t) for i in range(8)),
        ]

    counters = Counters(cb=ctypes.sizeof(Counters))
    kernel = ctypes.windll.kernel32  # pyright: ignore[reportAttributeAccessIssue]
    kernel.GetCurrentProcess.restype = ctypes.c_void_p
    good = kernel.K32GetProcessMemoryInfo(
        ctypes.c_void_p(kernel.GetCurrentProcess()), ctypes.byref(counters), counters.cb
    )
    return int(counters.size0) if good else None  # PeakWorkingSetSize
