"""What of each answer is shown to people, in which columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID

from mnemolog.api.answers import CubeAnswer, EventAnswer, MemoryAnswer, RecallHit
from mnemolog.api.graph_answers import PathAnswer, RelatedHit
from mnemolog.api.terminal.changes import changes, name_of
from mnemolog.api.terminal.tables import Column

Row = Sequence[Any]
POSITION = Column("position", right=True, style="cyan")
TEXT = Column("text", wide=True)
FIELD_COLUMNS = (Column("field", style="dim"), Column("value", wide=True))
CUBE_COLUMN = Column("cube", style="dim")
HIT_COLUMNS = (Column("score", right=True), POSITION, Column("id", style="dim"), Column("speaker"), TEXT)
EXPLAINED_COLUMNS = (
    HIT_COLUMNS[0],
    Column("signal"),
    *(Column(name, right=True) for name in ("raw", "z", "part")),
    *HIT_COLUMNS[1:],
)
RELATED_COLUMNS = (HIT_COLUMNS[0], *HIT_COLUMNS[2:])
NODE_COLUMNS = (Column("kind"), Column("id or name", style="dim"), TEXT)
PATH_COLUMNS = (Column("steps", right=True), *NODE_COLUMNS, Column("over", wide=True))
STEP_COLUMNS = (
    Column("path", right=True),
    Column("step", right=True),
    Column("relation"),
    Column("walked"),
    Column("weight", right=True),
    POSITION,
    *NODE_COLUMNS,
)
MEMORY_COLUMNS = (Column("id", style="dim"), Column("key"), Column("state"), POSITION, Column("speaker"), TEXT)
HISTORY_COLUMNS = (POSITION, Column("time"), Column("actor"), Column("event"), Column("what changed", wide=True))
EVENT_COLUMNS = (
    POSITION,
    Column("time"),
    Column("type"),
    Column("memory or stream", style="dim"),
    Column("facts", wide=True),
)
CUBE_COLUMNS = (Column("name"), Column("id", style="dim"), Column("gate"), Column("founded"))
VIEW_COLUMNS = (Column("view"), POSITION, Column("lag", right=True), Column("parked", right=True), Column("stopped by"))
MIGRATION_COLUMNS = (Column("migration"), Column("state"))
# Of the facts of an event, those that its other columns or the catalogue of subjects say already.
TOLD_ELSEWHERE = frozenset({"subject_ids", "governance", "config", "digest"})


def hit_row(hit: RecallHit) -> Row:
    return hit.score, hit.position, hit.memory_id, hit.speaker, hit.text


def explained(hit: RecallHit, sparse: bool) -> Iterator[Row]:
    """A row for each signal; `sparse` says what is the same in all of them once."""
    same = hit_row(hit)
    for place, (name, told) in enumerate(hit.signals.items()):
        shown = same if not (sparse and place) else (None,) * len(same)
        yield shown[0], name, told["raw"], told["z"], told["part"], *shown[1:]


def related_row(hit: RelatedHit) -> Row:
    return hit.score, hit.memory_id, hit.speaker, hit.text


def path_row(path: PathAnswer) -> Row:
    """Where it ends, and what lies between."""
    between = [step.node.id for step in path.steps[:-1]]
    return len(path.steps), path.end.kind, path.end.id, path.end.text, between


def step_rows(number: int, path: PathAnswer) -> Iterator[Row]:
    """Where it starts, then a row for each step."""
    start = path.start
    yield number, 0, None, None, None, None, start.kind, start.id, start.text
    for place, step in enumerate(path.steps, 1):
        walked, node = "forward" if step.forward else "backward", step.node
        yield number, place, step.relation, walked, step.weight, step.position, node.kind, node.id, node.text


def memory_row(memory: MemoryAnswer) -> Row:
    return memory.memory_id, memory.key, memory.state, memory.position, memory.speaker, memory.text


def memory_fields(memory: MemoryAnswer) -> Iterator[Row]:
    """Those that say something."""
    for name, value in asdict(memory).items():
        if value not in (None, (), {}):
            yield name.replace("_", " "), value


def history_rows(events: Sequence[EventAnswer], me: UUID) -> Iterable[Row]:
    for event, told in changes(events):
        yield event.position, event.recorded_at, actor(event, me), name_of(event), told


def actor(event: EventAnswer, me: UUID) -> str:
    """The store itself acts where no principal did: it archives what has expired."""
    return "mnemolog" if event.actor_id is None else "you" if event.actor_id == me else str(event.actor_id)


def event_row(event: EventAnswer) -> Row:
    facts = {
        name: value for name, value in event.data.items() if name not in TOLD_ELSEWHERE and value not in (None, [])
    }
    return event.position, event.recorded_at, event.type, event.memory_id or event.stream_id, facts


def cube_row(cube: CubeAnswer) -> Row:
    return cube.name, cube.cube_id, cube.config["gate"], cube.founded_at


def view_row(view: dict[str, Any]) -> Row:
    return view["name"], view["position"], view["lag"], len(view["parked"]), view["last_error_code"]
