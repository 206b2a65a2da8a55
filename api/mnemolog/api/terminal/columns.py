"""What of each answer is shown to people, in which columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from mnemolog.adapters.postgres.registry import KeyRow
from mnemolog.api.answers import CubeAnswer, EventAnswer, MemoryAnswer, PrincipalAnswer, RecallHit, TenantAnswer
from mnemolog.api.audit import AuditEntry
from mnemolog.api.graph_answers import MemoryNode, NodeAnswer, PathAnswer, RelatedHit
from mnemolog.api.terminal.changes import changes, name_of
from mnemolog.api.terminal.tables import Column
from mnemolog.domain.retention import has_expired

Row = Sequence[Any]
Told = Mapping[UUID | str, MemoryNode]
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
STATE = Column("state")
RELATED_COLUMNS = (HIT_COLUMNS[0], HIT_COLUMNS[2], STATE, *HIT_COLUMNS[3:])
NODE_COLUMNS = (Column("kind"), Column("id or name", style="dim"), STATE, TEXT)
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
AUDIT_COLUMNS = (
    POSITION,
    Column("time"),
    Column("actor"),
    Column("what"),
    Column("refused"),
    Column("memories", style="dim", cut=True),
    Column("more", wide=True),
)
CUBE_COLUMNS = (Column("name"), Column("id", style="dim"), Column("gate"), Column("founded"))
PRINCIPAL_COLUMNS = (Column("id"), Column("kind"), Column("administrator"), Column("active"), POSITION)
MEMBER_COLUMNS = (Column("id"), Column("kind"), Column("since", right=True, style="cyan"))
KEY_COLUMNS = (
    Column("key"),
    Column("principal", style="dim"),
    Column("state"),
    Column("expires"),
    Column("last used"),
    Column("scopes", wide=True),
    Column("on behalf of", style="dim"),
)
TENANT_COLUMNS = (Column("id"), Column("requests/s", right=True), Column("at once", right=True), POSITION)
VIEW_COLUMNS = (Column("view"), POSITION, Column("lag", right=True), Column("parked", right=True), Column("stopped by"))
GRANT_COLUMNS = (
    Column("id", style="dim"),
    Column("effect"),
    Column("for whom", style="dim"),
    Column("what"),
    Column("on"),
    Column("id or name", style="dim"),
    STATE,
    Column("until"),
    Column("conditions", wide=True),
)
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
    return hit.score, hit.memory_id, hit.state, hit.speaker, hit.text


def path_row(path: PathAnswer, memories: Told) -> Row:
    """Where it ends, and what lies between."""
    between = [step.node.id for step in path.steps[:-1]]
    return len(path.steps), *_node(path.end, memories), between


def step_rows(number: int, path: PathAnswer, memories: Told) -> Iterator[Row]:
    """Where it starts, then a row for each step."""
    yield number, 0, None, None, None, None, *_node(path.start, memories)
    for place, step in enumerate(path.steps, 1):
        walked = "forward" if step.forward else "backward"
        yield number, place, step.relation, walked, step.weight, step.position, *_node(step.node, memories)


def _node(node: NodeAnswer, memories: Told) -> Row:
    memory = memories.get(node.id)
    return node.kind, node.id, *((None, None) if memory is None else (memory.state, memory.text))


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


def audit_row(entry: AuditEntry, me: UUID) -> Row:
    who = "mnemolog" if entry.actor_id is None else "you" if entry.actor_id == me else str(entry.actor_id)
    facts = {name: value for name, value in entry.facts.items() if name not in TOLD_ELSEWHERE}
    return entry.position, entry.recorded_at, who, entry.kind, entry.code, entry.memory_ids, facts


def cube_row(cube: CubeAnswer) -> Row:
    return cube.name, cube.cube_id, cube.config["gate"], cube.founded_at


def principal_row(principal: PrincipalAnswer) -> Row:
    return principal.principal_id, principal.kind, principal.administrator, principal.active, principal.position


def key_row(key: KeyRow, now: datetime) -> Row:
    state = "revoked" if key.revoked else "expired" if has_expired(key.expires_at, now) else "valid"
    return key.key_id, key.principal_id, state, key.expires_at, key.used_at, key.scopes or "all", key.on_behalf_of


def tenant_row(tenant: TenantAnswer) -> Row:
    return tenant.tenant_id, tenant.requests_per_second, tenant.concurrent_requests, tenant.position


def view_row(view: dict[str, Any]) -> Row:
    return view["name"], view["position"], view["lag"], len(view["parked"]), view["last_error_code"]
