"""The past made again: views as they were at any position, and answers as they were given."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from pathlib import Path
from uuid import UUID

from mnemolog.adapters.postgres.connection import unreachable_as_refusal
from mnemolog.adapters.postgres.directory import CubeRow
from mnemolog.adapters.postgres.exporting import log_origin
from mnemolog.adapters.postgres.sql import QUERIES
from mnemolog.adapters.replay_folder import Finished, Plan, ReplayFolder
from mnemolog.api.accesses import audited, current
from mnemolog.api.asked_again import AskingAgain, Compared, told_by
from mnemolog.api.moments import At, moment_of
from mnemolog.api.pace import Told, Watch, untold
from mnemolog.api.parts import CATALOGUE, Parts, require_administrator
from mnemolog.api.recorded import RecordedRecall, recorded_recall
from mnemolog.api.replay_answers import ProvenAnswers, Replayed, ReplayedAnswer, ReplayedView, Why
from mnemolog.api.replaying import NothingLeft, Replaying, Wanted, versions
from mnemolog.domain.access import Access
from mnemolog.domain.log import Event, Selection
from mnemolog.domain.permissions import Caller
from mnemolog.domain.refusals import AnswerDiffers, CubeNotFound, Invalid, NotFound, Unavailable
from mnemolog.projections.replayed_tables import TABLES

PAGE = 200
ANSWERS, VIEWS = "answers", "views"
SHORTEST = 0.001  # seconds; nothing is measured more finely


@audited("replay")
class Replay:
    """For administrators, of their own tenant only."""

    def __init__(self, parts: Parts, caller: Caller) -> None:
        self._parts = parts
        self._caller = caller

    def __call__(
        self,
        to: At = None,
        views: Sequence[str] = (),
        cube: str | UUID | None = None,
        into: Path | None = None,
        progress: Told = untold,
    ) -> Replayed:
        """Make views from nothing as they were at a position or time, by default all of them as they are; those that
        the store lives by are not touched. One that is a table, catalogue or access, is of the whole tenant.

        What is made is left in the folder `into`. Called again after an interruption it goes on from there, without
        `to` up to the position that it had in mind.
        Raises Denied, NotFound, CubeNotFound, Invalid, InvalidPosition, ProjectionBehind, and Unavailable for a folder
        that cannot be written.
        """
        require_administrator(self._caller, "replay views")
        names = self._names(views, cube)
        began = time.monotonic()
        with ExitStack() as closing, _unwritable_as_refusal():
            folder = None if into is None else closing.enter_context(ReplayFolder(into, self._secret()))
            plan = self._plan(names, cube, self._position(to, folder))
            replaying = Replaying(self._parts, self._wanted(names, plan), folder or NothingLeft(), progress)
            made = replaying.run(plan)
        if into is not None:
            current().tell((), plan.position)
        return Replayed(
            position=plan.position,
            chain=plan.chain,
            chain_position=plan.chain_position,
            items=[_view(each, plan.position) for each in made],
            seconds=time.monotonic() - began,
        )

    def answer(self, position: int) -> ReplayedAnswer:
        """Ask again what was answered on record at a position, as it was asked, and compare every bit.

        Raises AnswerDiffers, NotFound when no answer is on record there, Invalid when it is none to a question, and
        Denied, ProjectionBehind, EmbedderUnavailable, RerankerUnavailable.
        """
        require_administrator(self._caller, "replay answers")
        self._parts.trail.flush()
        event = self._parts.log.at([position], self._caller.tenant_id).get(position)
        if event is None:
            raise NotFound(kind="answer at position", id=position)
        recorded = _recorded(event)
        compared = Compared(why=Why.ERASED) if recorded is None else self._again().compared(recorded)
        self._check(position, compared)
        told = [] if recorded is None else told_by(recorded)
        current().tell([each.memory_id for each in told], position)
        return ReplayedAnswer(
            position=position,
            answered_at=event.data["position"],
            same=compared.why is None,
            reason=compared.why,
            memory_ids=[each.memory_id for each in told],
            scores=[each.score for each in told],
            text_positions=[each.text_position for each in told],
        )

    def answers(self, since: At = None, progress: Told = untold) -> ProvenAnswers:
        """Ask everything again that was answered in this tenant and recorded after `since`.

        Raises AnswerDiffers for the first answer that is another one, and as `answer` does.
        """
        require_administrator(self._caller, "replay answers")
        self._parts.trail.flush()
        after = 0 if since is None else moment_of(self._parts, self._caller, since).position
        head, began, again = self._parts.log.head(), time.monotonic(), self._again()
        counted, watch = Counter[str](), Watch(ANSWERS, None, head, progress, after)
        for event in self._recalls(after, head):
            recorded = _recorded(event)
            compared = Compared(why=Why.ERASED) if recorded is None else again.compared(recorded)
            self._check(event.position, compared)
            counted["same" if compared.why is None else compared.why.value] += 1
            watch(event.position)
        same, seconds = counted.pop("same", 0), time.monotonic() - began
        return ProvenAnswers(position=head, same=same, not_replayable=dict(sorted(counted.items())), seconds=seconds)

    def _names(self, views: Sequence[str], cube: str | UUID | None) -> Sequence[str]:
        known = [*(view.name for view in self._parts.residence.views), *TABLES]
        for name in views:
            if name not in known:
                raise NotFound(kind="view", id=name)
            if name in TABLES and cube is not None:
                raise Invalid(reason=f"{name} is one table for all cubes: it cannot be replayed for one")
        chosen = [name for name in known if not views or name in views]
        return chosen if cube is None else [name for name in chosen if name not in TABLES]

    def _position(self, to: At, folder: ReplayFolder | None) -> int:
        if to is not None:
            return moment_of(self._parts, self._caller, to).position
        return self._parts.log.head() if folder is None or folder.plan is None else folder.plan.position

    def _plan(self, names: Sequence[str], cube: str | UUID | None, position: int) -> Plan:
        rows = self._parts.application.log_recorder.rows
        with unreachable_as_refusal():
            links, origin = rows(QUERIES["link"], {"position": position}), log_origin(rows)
        chain_position, chain = links[0] if links else (0, b"")
        cube_id = None if cube is None else str(self._parts.cube(self._caller, cube).cube_id)
        return Plan(
            log=origin,
            tenant_id=str(self._caller.tenant_id),
            cube_id=cube_id,
            position=position,
            chain_position=chain_position,
            chain=bytes(chain).hex(),
            release=version("mnemolog"),
            views={name: versions(self._parts)[name] for name in names},
        )

    def _wanted(self, names: Sequence[str], plan: Plan) -> Wanted:
        views = [view for view in self._parts.residence.views if view.name in names]
        tables = [name for name in names if name in TABLES]
        cubes = [*self._cubes(plan)] if views else []
        if plan.cube_id is not None and not cubes:
            raise CubeNotFound(cube=f"{plan.cube_id} at position {plan.position}")
        return Wanted(self._caller.tenant_id, plan.position, views, cubes, tables)

    def _cubes(self, plan: Plan) -> Iterator[CubeRow]:
        """Those that there were at the time."""
        self._parts.wait(CATALOGUE, min(plan.position, self._parts.log.head()))
        after = 0
        while page := self._parts.directory.cubes(self._caller.tenant_id, None, after, PAGE):
            known = [row for row in page if row.position <= plan.position]
            yield from (row for row in known if plan.cube_id in (None, str(row.cube_id)))
            after = page[-1].position

    def _secret(self) -> bytes:
        """That of the store's own files, so that what is left could be put in their place."""
        return self._parts.application.keyring.derived(VIEWS.encode())

    def _again(self) -> AskingAgain:
        return AskingAgain(self._parts, self._caller.tenant_id)

    def _check(self, position: int, compared: Compared) -> None:
        if (found := compared.difference) is not None:
            raise AnswerDiffers(position=position, what=found.what, recorded=found.recorded, found=found.found)

    def _recalls(self, after: int, upto: int) -> Iterator[Event]:
        answers = Selection(tenant_id=self._caller.tenant_id, types=(Access.Recorded.TOPIC,))
        while page := self._parts.log.read(after, PAGE, answers, upto):
            yield from (event for event in page if event.data["kind"] == "recall")
            after = page[-1].position


def _recorded(event: Event) -> RecordedRecall | None:
    """None when what was asked has been erased. Raises Invalid."""
    try:
        return recorded_recall(event)
    except NotFound:
        return None


def _view(made: Finished, position: int) -> ReplayedView:
    return ReplayedView(
        view=made.view,
        cube_id=None if made.cube_id is None else UUID(made.cube_id),
        position=position,
        events=made.events,
        digest=made.digest,
        seconds=made.seconds,
        rate=made.events / max(made.seconds, SHORTEST),
    )


@contextmanager
def _unwritable_as_refusal() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable(reason=f"the folder of the replay cannot be used ({type(error).__name__})") from error
