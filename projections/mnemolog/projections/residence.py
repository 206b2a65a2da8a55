"""Which cubes are in memory: woken when they are asked about, kept in files now and then, let go when they are idle.

A cube is woken from its file, if there is a good one, and from the events of the log since then; without a file, from
its first event. So files decide how long that takes, and nothing else.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TookTooLong
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from mnemolog.domain.log import Event, EventLog, Selection, pages
from mnemolog.domain.memory import Memory
from mnemolog.domain.refusals import ProjectionBehind
from mnemolog.projections.cube_fold import AnyCubeFold, Held, cube_of, digest, stamp
from mnemolog.projections.parking import Parked, fold_or_park
from mnemolog.projections.saved import CubeFiles, Saved

PAGE = 2000
WAKING_THREADS = 2
Group = tuple[AnyCubeFold, ...]
Drafts = Mapping[AnyCubeFold, Held[Any]]
Moved = Callable[[int], None]  # told the position that was reached

log = logging.getLogger(__name__)


@dataclass(eq=False)
class Waking:
    """Of one cube in those views of a group that do not hold it; `position` is how far it has come."""

    position: int = 0
    done: Future[None] = field(default_factory=Future)

    def moved(self, position: int) -> None:
        self.position = position


class Residence:
    """`groups` are views that are woken together, from one reading of the log. Thread-safe.

    `park` is told what could not be folded, by the name of the view.
    """

    def __init__(
        self,
        events: EventLog,
        groups: Sequence[Group],
        files: CubeFiles,
        park: Callable[[str, Parked], None],
        wait_seconds: float,
    ) -> None:
        self._events, self._groups, self._files = events, groups, files
        self._park, self._wait_seconds = park, wait_seconds
        self._lock = threading.Lock()
        self._waking: dict[tuple[UUID, Group], Waking] = {}
        self._stopping = threading.Event()
        self._wakers = ThreadPoolExecutor(WAKING_THREADS, thread_name_prefix="waking")
        self._readers = ThreadPoolExecutor(WAKING_THREADS, thread_name_prefix="reading the log")

    @property
    def views(self) -> tuple[AnyCubeFold, ...]:
        return tuple(view for group in self._groups for view in group)

    def begin(self) -> None:
        """Views start at the head of the log, after the files have obeyed the erasures since they were left."""
        head, reached = self._events.head(), self._files.reached()
        if reached is not None and reached > head:
            log.warning("kept views are of a longer log, and are dropped")
            self._files.clear()
        elif reached is not None:
            self._obey(reached, head)
        for view in self.views:
            view.wakener = self
            view.start_at(head)

    def _obey(self, after: int, upto: int) -> None:
        erasures = Selection(types=(Memory.Erased.TOPIC,))
        for cube_id in {cube_of(event) for page in pages(self._events, after, upto, PAGE, erasures) for event in page}:
            for view in self.views:
                self._files.drop(view.name, cube_id)

    def close(self) -> None:
        """Ends what is being woken; whoever waits for it is told that the view is behind."""
        self._stopping.set()
        self._wakers.shutdown(wait=True, cancel_futures=True)
        self._readers.shutdown(wait=True, cancel_futures=True)

    def wake(self, view: AnyCubeFold, cube_id: UUID) -> None:
        """With all views of its group. Raises ProjectionBehind when it takes too long; it goes on being woken then."""
        group = next(group for group in self._groups if view in group)
        waking = self._woken(cube_id, group)
        try:
            waking.done.result(self._wait_seconds)
        except (TookTooLong, CancelledError):
            raise ProjectionBehind(view=view.name, position=waking.position, wanted=view.position) from None

    def forget(self, view: AnyCubeFold, cube_id: UUID) -> None:
        self._files.drop(view.name, cube_id)

    def keep(self, view: AnyCubeFold, cube_id: UUID) -> None:
        """Write a cube's file as it is now. Raises OSError."""
        saved = view.saved(cube_id)
        if saved is None:
            return

        def is_current() -> bool:
            erasures = Selection(types=(Memory.Erased.TOPIC,), cube_id=cube_id)
            return not self._events.read(saved.position, 1, erasures)

        if self._files.keep(view.name, view.kept_version, cube_id, saved, is_current):
            view.kept(cube_id, saved.position)

    def reach(self) -> None:
        """Remember how far erasures have been obeyed. Raises OSError."""
        self._files.reach(min(view.position for view in self.views))

    def rebuild(self, view: AnyCubeFold, cube_id: UUID, moved: Moved = lambda position: None) -> None:
        """Make a cube anew from its first event; until that is done, the old state answers. Raises OSError."""
        self._files.drop(view.name, cube_id)
        self._bring_up(cube_id, {view: view.draft(None)}, moved)

    def verify(self, view: AnyCubeFold, cube_id: UUID, moved: Moved = lambda position: None) -> tuple[int, bool]:
        """The position at which a cube's state was compared with a rebuild from the log, and whether they agree."""
        draft, after = view.draft(None), 0
        while True:
            position, held = view.digest_of(cube_id)
            self._read(cube_id, {view: draft}, after, position, moved)
            if view.digest_of(cube_id) == (position, held):
                return position, digest(draft.state) == held
            after = position

    def _woken(self, cube_id: UUID, group: Group) -> Waking:
        key = cube_id, group
        with self._lock:
            if key not in self._waking:
                self._waking[key] = waking = Waking()
                if self._stopping.is_set():
                    waking.done.cancel()
                else:
                    waking.done = self._wakers.submit(self._wake, key, waking)
            return self._waking[key]

    def _wake(self, key: tuple[UUID, Group], waking: Waking) -> None:
        """Whatever it raises is told to those who wait; whoever asks after that makes a new attempt."""
        cube_id, group = key
        try:
            drafts = {view: self._draft(view, cube_id) for view in group if not view.is_held(cube_id)}
            self._bring_up(cube_id, drafts, waking.moved)
        finally:
            with self._lock:
                del self._waking[key]

    def _bring_up(self, cube_id: UUID, drafts: Drafts, moved: Moved) -> None:
        after = min((draft.position for draft in drafts.values()), default=0)
        while drafts:
            upto = min(view.position for view in drafts)
            self._read(cube_id, drafts, after, upto, moved)
            drafts = {view: draft for view, draft in drafts.items() if not view.admit(cube_id, draft, upto)}
            after = max(after, upto)

    def _read(self, cube_id: UUID, drafts: Drafts, after: int, upto: int, moved: Moved) -> None:
        types = tuple(sorted({kind for view in drafts for kind in view.types}))
        for page in self._pages(Selection(types=types, cube_id=cube_id), after, upto):
            for view, draft in drafts.items():
                self._extend(view, draft, page)
            moved(page[-1].position)

    def _pages(self, selection: Selection, after: int, upto: int) -> Iterator[Sequence[Event]]:
        """The next page is read while the last one is folded."""
        if after >= upto:
            return
        reading: Future[Sequence[Event]] | None = self._readers.submit(self._events.read, after, PAGE, selection, upto)
        while reading is not None:
            page = reading.result()
            reading = None
            if self._stopping.is_set():
                raise CancelledError
            if len(page) == PAGE:
                reading = self._readers.submit(self._events.read, page[-1].position, PAGE, selection, upto)
            if page:
                yield page

    def _extend(self, view: AnyCubeFold, draft: Held[Any], events: Sequence[Event]) -> None:
        def extend(part: Sequence[Event], upto: int) -> None:
            view.extend(draft, part)

        for parked in fold_or_park(view.name, extend, events, events[-1].position):
            self._park(view.name, parked)

    def _draft(self, view: AnyCubeFold, cube_id: UUID) -> Held[Any]:
        saved = self._files.read(view.name, view.kept_version, cube_id)
        if saved is None:
            return view.draft(None)
        try:
            if self._is_of_this_log(saved):
                return view.draft(saved)
            log.warning("a kept view of another log is dropped: %s", view.name)
        except (KeyError, ValueError, TypeError, IndexError) as error:
            log.warning("a kept view that makes no sense is dropped: %s (%s)", view.name, type(error).__name__)
        self._files.drop(view.name, cube_id)
        return view.draft(None)

    def _is_of_this_log(self, saved: Saved) -> bool:
        last = self._events.at([saved.position]).get(saved.position)
        return saved.position == 0 or (last is not None and stamp(last) == saved.stamp)
