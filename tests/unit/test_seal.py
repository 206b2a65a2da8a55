from __future__ import annotations

from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnemolog.adapters import seal
from mnemolog.adapters.seal import FIXED, Seal, pieces

SECRET = b"s" * 32


def sealed(header: bytes, *parts: bytes) -> bytes:
    file = BytesIO()
    Seal(SECRET, "kind").write(file, header, [memoryview(part) for part in parts])
    return file.getvalue()


def opened(content: bytes, *sizes: int, kind: str = "kind", secret: bytes = SECRET) -> tuple[bytes, list[bytes]]:
    unsealed = Seal(secret, kind).open(BytesIO(content))
    parts = [bytearray(size) for size in sizes]
    for part in parts:
        unsealed.fill(memoryview(part))
    unsealed.end()
    return unsealed.header, [bytes(part) for part in parts]


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seal, "CHUNK", 4)


@given(st.binary(), st.lists(st.binary()))
def test_what_was_sealed_is_opened(header: bytes, parts: list[bytes]) -> None:
    assert opened(sealed(header, *parts), *map(len, parts)) == (header, parts)


@pytest.mark.parametrize("size", [0, 1, 3, 4, 5, 8, 9])
def test_parts_of_several_chunks_are_opened(small_chunks: None, size: int) -> None:
    part = bytes(range(size))
    assert [bytes(piece) for piece in pieces(memoryview(part))] == [part[at : at + 4] for at in range(0, size, 4)]
    assert opened(sealed(b"head", part, b"and"), size, 3) == (b"head", [part, b"and"])


def test_any_two_chunks_that_changed_places_are_found(small_chunks: None) -> None:
    content = sealed(b"head", b"abcd" * 4)
    start, size = FIXED.size, 4 + 16
    chunks = [content[at : at + size] for at in range(start, len(content), size)]
    assert opened(content[:start] + b"".join(chunks), 16)[1] == [b"abcd" * 4]
    for one in range(5):
        for other in range(one):
            moved = chunks.copy()
            moved[one], moved[other] = moved[other], moved[one]
            with pytest.raises(ValueError, match="was changed"):
                opened(content[:start] + b"".join(moved), 16)


@pytest.mark.parametrize("sizes", [(), (3,), (5,), (4, 4), (3, 1), (4, 1), (2,)])
def test_what_is_not_read_as_it_was_written_is_not_opened(sizes: tuple[int, ...]) -> None:
    content = sealed(b"head", b"abcd", b"ef")
    assert opened(content, 4, 2)
    with pytest.raises(ValueError, match=r"was changed|another length"):
        opened(content, *sizes)


def test_a_reader_that_does_not_know_of_the_last_part_finds_that_it_was_cut_off() -> None:
    content = sealed(b"head", b"abcd", b"ef")
    with pytest.raises(ValueError, match="another length"):
        opened(content[: -(2 + 16)], 4)


def test_every_damage_to_a_file_is_found() -> None:
    content = sealed(b"head", b"abcd")
    for place in range(len(content)):
        for bit in range(8):
            damaged = content[:place] + bytes([content[place] ^ 1 << bit]) + content[place + 1 :]
            with pytest.raises(ValueError, match=r"^it "):
                opened(damaged, 4)
        with pytest.raises(ValueError, match=r"^it "):
            opened(content[:place], 4)


@pytest.mark.parametrize(("kind", "secret"), [("other", SECRET), ("kind", b"t" * 32)])
def test_another_kind_or_secret_opens_nothing(kind: str, secret: bytes) -> None:
    with pytest.raises(ValueError, match="another key"):
        opened(sealed(b"head"), kind=kind, secret=secret)


def test_a_header_is_small(small_chunks: None) -> None:
    """So that a damaged size does not ask for more memory than there is."""
    with pytest.raises(ValueError, match="too long"):
        sealed(b"heads")
    with pytest.raises(ValueError, match="another layout"):
        opened(FIXED.pack(seal.MAGIC, bytes(16), 2**32 - 1, 0))


def test_two_files_share_no_key(small_chunks: None) -> None:
    one, other = sealed(b"head", b"abcd"), sealed(b"head", b"abcd")
    assert one[8:24] != other[8:24]
    assert one[FIXED.size :] != other[FIXED.size :]
