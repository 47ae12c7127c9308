import threading
import time

import pytest

from krolik.inference.ahead import ahead


def test_order_and_bound():
    made = []

    def items():
        for i in range(20):
            made.append(i)
            yield i

    stream = ahead(items(), 3)
    assert next(stream) == 0
    time.sleep(0.2)
    assert len(made) <= 6
    assert list(stream) == list(range(1, 20))


def test_errors_come_out_after_the_items_before_them():
    def items():
        yield 1
        raise ValueError("broken")

    stream = ahead(items(), 3)
    assert next(stream) == 1
    with pytest.raises(ValueError, match="broken"):
        next(stream)


def test_closing_stops_the_thread():
    closed = []

    def items():
        try:
            while True:
                yield 0
        finally:
            closed.append(True)

    stream = ahead(items(), 2)
    next(stream)
    stream.close()
    assert closed == [True]
    assert not [t for t in threading.enumerate() if t.name == "ahead"]
