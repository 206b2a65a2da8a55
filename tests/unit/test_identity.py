from __future__ import annotations

import time
from functools import reduce
from operator import and_, or_
from uuid import RFC_4122

from mnemolog.domain.identity import new_id

MANY = 2_000
RANDOM_BITS = (2**12 - 1) << 64 | (2**62 - 1)  # rand_a and rand_b of RFC 9562, section 5.7


def milliseconds() -> int:
    return time.time_ns() // 1_000_000


def test_an_identifier_is_a_uuid_of_version_7_of_the_rfc_variant() -> None:
    for _ in range(MANY):
        made = new_id()
        assert made.version == 7
        assert made.variant == RFC_4122


def test_the_first_48_bits_are_the_unix_milliseconds_at_which_it_was_made() -> None:
    before = milliseconds()
    made = new_id()
    assert before <= made.int >> 80 <= milliseconds()


def test_identifiers_made_in_different_milliseconds_sort_by_time() -> None:
    made = []
    for _ in range(5):
        made.append(new_id())
        start = milliseconds()
        while milliseconds() == start:
            pass
    assert made == sorted(made)
    assert [str(one) for one in made] == sorted(str(one) for one in made)


def test_all_74_other_bits_are_random() -> None:
    values = [new_id().int for _ in range(MANY)]
    assert reduce(or_, values) & RANDOM_BITS == RANDOM_BITS
    assert reduce(and_, values) & RANDOM_BITS == 0


def test_no_identifier_is_made_twice() -> None:
    assert len({new_id() for _ in range(MANY)}) == MANY
