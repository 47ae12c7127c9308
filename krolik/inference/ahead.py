"""Running an iterator ahead of its consumer, in a thread of its own, by a bounded number of items."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable
from typing import TypeVar

Item = TypeVar("Item")
WAIT_SECONDS = 0.1


class _End:
    """Marks the end of the items, with the error that ended them if there was one."""

    def __init__(self, error: BaseException | None):
        self.error = error


def ahead(items: Iterable[Item], size: int) -> Generator[Item, None, None]:
    """The same items in the same order, up to `size` of them prepared in advance. Errors come out here."""
    waiting: queue.Queue = queue.Queue(size)
    stopped = threading.Event()

    def put(value: object) -> bool:
        while not stopped.is_set():
            try:
                waiting.put(value, timeout=WAIT_SECONDS)
                return True
            except queue.Full:
                continue
        return False

    def produce() -> None:
        error = None
        try:
            for item in items:
                if not put(item):
                    break
        except BaseException as raised:  # noqa: BLE001 (raised again in the consumer's thread)
            error = raised
        finally:
            close = getattr(items, "close", None)
            if close:
                close()
            put(_End(error))

    thread = threading.Thread(target=produce, name="ahead", daemon=True)
    thread.start()
    try:
        while True:
            item = waiting.get()
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item
    finally:
        stopped.set()
        thread.join()
