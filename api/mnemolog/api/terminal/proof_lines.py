"""What has been proven, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mnemolog.adapters.postgres.verify import Verified
from mnemolog.api.replay_answers import ProvenAnswers
from mnemolog.api.view_answers import Verified as VerifiedView


@dataclass(frozen=True, slots=True)
class Proof:
    """None is what nobody asked to be proven."""

    log: Verified | None = None
    views: Sequence[VerifiedView] | None = None
    answers: ProvenAnswers | None = None


def document(proof: Proof) -> dict[str, Any]:
    """What is told of the log is on top, beside what is told of the rest."""
    told: dict[str, Any] = {} if proof.log is None else asdict(proof.log)
    told |= {} if proof.views is None else {"views": proof.views}
    return told | ({} if proof.answers is None else {"answers": proof.answers})


def proof_lines(proof: Proof) -> Iterator[str]:
    if proof.log is not None:
        yield from _log(proof.log)
    if proof.views is not None:
        yield _views(proof.views)
    if proof.answers is not None:
        yield from _answers(proof.answers)


def _log(verified: Verified) -> Iterator[str]:
    yield f"{verified.events} events up to position {verified.position} are as they were written."
    yield f"chain {verified.chain.hex()}"
    if verified.checkpoints:
        count = "1 checkpoint agrees" if verified.checkpoints == 1 else f"{verified.checkpoints} checkpoints agree"
        yield f"{count}, and bind all up to position {verified.bound}."


def _views(views: Sequence[VerifiedView]) -> str:
    cubes, tables = (
        len({each.cube_id for each in views} - {None}),
        [each.view for each in views if each.cube_id is None],
    )
    names = len({each.view for each in views if each.cube_id is not None})
    of_cubes = f"{names} views of {'1 cube' if cubes == 1 else f'{cubes} cubes'}"
    return f"{of_cubes} and the tables {' and '.join(tables)} are what the log says."


def _answers(answers: ProvenAnswers) -> Iterator[str]:
    are = "1 answer is" if answers.same == 1 else f"{answers.same} answers are"
    yield f"{are} the same when asked again, up to position {answers.position}."
    if answers.not_replayable:
        reasons = ", ".join(f"{count} {reason}" for reason, count in answers.not_replayable.items())
        yield f"{sum(answers.not_replayable.values())} cannot be asked again: {reasons}."
