"""Reading ahead gives the same bytes, in the same order, with the same errors, as reading."""

import io
import threading

import pytest

from agent.ahead import BLOCK_BYTES, DEPTH, Ahead


def test_blocks_come_in_their_order():
    """What is read ahead is what the source holds, and after its end there is nothing for ever."""
    data = bytes(range(256)) * (BLOCK_BYTES // 256) * (2 * DEPTH) + b"the rest"
    with Ahead(io.BytesIO(data).read) as ahead:
        assert b"".join(iter(ahead.read, b"")) == data
        assert ahead.read() == b""


def test_an_error_comes_where_the_block_is_missed():
    """The blocks before a damaged one are still given out."""
    blocks = iter([b"good", b"good"])

    def read(_: int) -> bytes:
        try:
            return next(blocks)
        except StopIteration:
            raise ValueError("damaged") from None

    with Ahead(read) as ahead:
        assert [ahead.read(), ahead.read()] == [b"good", b"good"]
        with pytest.raises(ValueError, match="damaged"):
            ahead.read()
        assert ahead.read() == b""


def test_leaving_early_ends_the_thread():
    """Whoever gives up on an archive leaves nothing running, however much of it there is."""
    before = threading.active_count()
    with Ahead(lambda size: b"x" * size) as ahead:
        ahead.read()
    assert threading.active_count() == before
