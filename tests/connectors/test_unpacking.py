import gzip
import zlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.unpacking import Unpacking, unpacking


def raw(data: bytes) -> bytes:
    return zlib.compress(data)[2:-4]


PACKED = {"gzip": gzip.compress, "x-gzip": gzip.compress, " Deflate": zlib.compress, "deflate": raw}
LIMIT = 10_000


def unpacked(unpack: Unpacking, pieces: list[bytes], most: int = LIMIT) -> bytes:
    return b"".join(unpack.feed(piece, most) for piece in pieces)


@given(
    st.sampled_from(sorted(PACKED)),
    st.binary(max_size=300),
    st.binary(max_size=300),
    st.lists(st.integers(0, 700), max_size=4),
)
def test_in_whatever_pieces_it_comes_all_of_it_is_there(encoding, first, second, cuts):
    packed = PACKED[encoding](first) + PACKED[encoding](second)
    edges = [0, *sorted(min(cut, len(packed)) for cut in cuts), len(packed)]
    unpack = unpacking(encoding)
    assert unpacked(unpack, [packed[a:b] for a, b in pairwise(edges)]) == first + second
    assert unpack.whole


@pytest.mark.parametrize("encoding", sorted(PACKED))
def test_wherever_it_is_cut_it_is_not_whole(encoding):
    packed = PACKED[encoding](b"day,visitors\n" + b"2026-03-01,1582\n" * 50)
    for cut in range(1, len(packed)):
        unpack = unpacking(encoding)
        unpacked(unpack, [packed[:cut]])
        assert not unpack.whole


def test_no_more_is_made_than_may_be():
    assert len(Unpacking("gzip").feed(gzip.compress(bytes(1_000_000)), 5)) == 5


def test_what_is_not_packed_is_taken_as_it_comes():
    assert [unpacking(encoding) for encoding in ("", "identity", "br", "utf-8", "gzip, gzip")] == [None] * 5
    assert unpacking("gzip").whole  # nothing came


@pytest.mark.parametrize(
    "garbage",
    [b"garbage", gzip.compress(b"1582")[:-6] + b"x" * 6, gzip.compress(b"1582") + b"!!!"],
    ids=["no gzip", "wrong check", "something behind"],
)
def test_garbage_is_an_error(garbage):
    with pytest.raises(zlib.error):
        unpacking("gzip").feed(garbage, LIMIT)
