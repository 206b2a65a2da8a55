from __future__ import annotations

from itertools import product

import pytest

from mnemolog.domain.lifecycle import EDITABLE, RECALLABLE, TRANSITIONS, State, step
from mnemolog.domain.refusals import IllegalTransition

# Rows: from. Columns: to. The whole of what may happen, written a second time on purpose.
TABLE = """
            generated  activated  merged  archived  frozen  erased
generated   -          activated  -       archived  -       erased
activated   -          -          merged  archived  frozen  erased
merged      -          unmerged   -       archived  -       erased
archived    -          restored   -       -         frozen  erased
frozen      -          thawed     -       -         -       erased
erased      -          -          -       -         -       -
"""


def written() -> dict[tuple[State, State], str]:
    head, *rows = (line.split() for line in TABLE.strip().splitlines())
    return {(State(row[0]), State(to)): name for row in rows for to, name in zip(head, row[1:], strict=True)}


PAIRS = list(product(State, State))


def test_the_table_speaks_of_every_pair_of_states() -> None:
    assert set(written()) == set(PAIRS)
    assert len(PAIRS) == 36


@pytest.mark.parametrize(("state", "target"), PAIRS)
def test_a_step_is_what_the_table_says_and_anything_else_is_refused(state: State, target: State) -> None:
    name = written()[state, target]
    if name != "-":
        assert step(state, target) == name
        return
    with pytest.raises(IllegalTransition) as caught:
        step(state, target)
    assert str(caught.value) == f"A memory that is {state.value} cannot become {target.value}."


def test_the_table_has_no_line_beyond_these() -> None:
    assert {pair for pair, name in written().items() if name != "-"} == TRANSITIONS.keys()


def test_nothing_leaves_erased_and_everything_can_reach_it() -> None:
    assert not [pair for pair in TRANSITIONS if pair[0] is State.ERASED]
    assert {state for state, target in TRANSITIONS if target is State.ERASED} == set(State) - {State.ERASED}


def test_a_memory_returns_to_work_only_by_an_event_that_says_from_where() -> None:
    names = [name for (_, target), name in TRANSITIONS.items() if target is State.ACTIVATED]
    assert sorted(names) == ["activated", "restored", "thawed", "unmerged"]


def test_only_what_is_at_work_is_recalled_and_only_what_is_not_fixed_is_edited() -> None:
    assert {State.ACTIVATED, State.FROZEN} == RECALLABLE
    assert {State.GENERATED, State.ACTIVATED} == EDITABLE
