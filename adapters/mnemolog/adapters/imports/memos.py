"""What MemOS dumps of a MemCube's texts.

    tree_text      {"nodes": [{"id", "memory", "metadata"}], "edges": [{"source", "target", "type"}], ...}
    general_text   [{"id", "vector", "payload": {"id", "memory", "metadata"}}]
    naive_text     [{"id", "memory", "metadata"}]
    preferences    {"<collection>": [{"id", "memory", "payload": {"preference", ...}}]}

Activations and parameters are pickles and weights: they are never opened. Vectors are not taken over either.
"""

from __future__ import annotations

from typing import Any

from mnemolog.adapters.imports.imported import Entry, Imported, Link, Reading, entries, named, once
from mnemolog.domain.commands import Remember
from mnemolog.domain.memory import Relation
from mnemolog.domain.metadata import MemoryType, SemanticType, Source, Visibility
from mnemolog.domain.refusals import CannotImport

NAME = "memos"
TYPES = {
    "WorkingMemory": MemoryType.WORKING,
    "UserMemory": MemoryType.USER,
    "OuterMemory": MemoryType.OUTER,
    "ToolSchemaMemory": MemoryType.TOOL,
    "ToolTrajectoryMemory": MemoryType.TOOL,
    "SkillMemory": MemoryType.SKILL,
    "PreferenceMemory": MemoryType.PREFERENCE,
}
GONE = ("archived", "deleted")  # versions that MemOS itself no longer tells
# Type of an edge: the relation that it is here, and whether it is said of the edge's target instead of its source.
RELATIONS = {
    "RELATE": (Relation.RELATES_TO, False),
    "RELATED": (Relation.RELATES_TO, False),
    "RELATE_TO": (Relation.RELATES_TO, False),
    "CONDITION": (Relation.RELATES_TO, False),
    "CONFLICT": (Relation.CONTRADICTS, False),
    "CAUSE": (Relation.CAUSES, False),
    "CAUSES": (Relation.CAUSES, False),
    "FOLLOWS": (Relation.FOLLOWS, True),  # drawn from the earlier to the later
    "FOLLOWING": (Relation.FOLLOWS, True),
    "PRECEDING": (Relation.FOLLOWS, False),
    "PARENT": (Relation.DERIVED_FROM, False),  # a parent is a summary of its children
    "AGGREGATE_TO": (Relation.DERIVED_FROM, False),
    "MATERIAL": (Relation.DERIVED_FROM, False),
    "SUMMARY": (Relation.DERIVED_FROM, True),
    "INFERS": (Relation.DERIVED_FROM, True),
    "MERGED_TO": (Relation.DERIVED_FROM, True),
}
LOCATORS = ("url", "doc_path", "message_id")


def read(document: Any) -> Reading:
    """Raises CannotImport."""
    reading = Reading()
    found = [(_unwrapped(entry), entry) for entry in _nodes(document)]
    texts = {memory.text("memory") for memory, _ in found if _type(memory) != "WorkingMemory"}
    for memory, entry in found:
        if (why := _left_out(memory, texts)) is not None:
            reading.left_out[why] += 1
        else:
            reading.memories.append(_memory(memory, entry, reading))
    _link(document, reading)
    return reading


def _nodes(document: Any) -> list[Entry]:
    if isinstance(document, dict) and "nodes" in document:
        document = document["nodes"]
    elif isinstance(document, dict):
        return [entry for name, found in document.items() for entry in entries(f"memory of {name[:40]}", found)]
    return list(entries("memory", document))


def _unwrapped(entry: Entry) -> Entry:
    """The memory with its metadata beside it, whichever way the database of the cube had wrapped it."""
    identifier, payload = entry.identifier("id"), entry.inner("payload").data
    metadata = entry.data.get("metadata") or payload.get("metadata") or payload
    if not isinstance(metadata, dict):
        raise entry.refuse("metadata is not a JSON object")
    told = {"memory": entry.data.get("memory") or payload.get("memory")}
    if metadata.get("preference"):
        told = {"memory": metadata["preference"], "background": told["memory"]}
    entry.what = f"{NAME}:{identifier}"
    return Entry(entry.what, metadata | told)


def _type(memory: Entry) -> str | None:
    return memory.text("memory_type")


def _left_out(memory: Entry, texts: set[str | None]) -> str | None:
    text, status = memory.text("memory"), memory.text("status")
    if text is None:
        return "empty"
    if status in GONE:
        return status
    return "copies" if _type(memory) == "WorkingMemory" and text in texts else None


def _memory(memory: Entry, entry: Entry, reading: Reading) -> Imported:
    session, semantic = memory.text("session_id"), memory.text("type")
    closed = memory.text("visibility") in ("private", "session")
    remember = Remember(
        text=memory.text("memory") or "",
        key=memory.text("key"),
        tags=once(*memory.labels("tags"), *named(user=memory.text("user_id"), session=session)),
        background=memory.text("background"),
        sources=once(entry.what, *_locators(memory)),
        memory_type=_memory_type(memory),
        semantic_type=SemanticType(semantic) if semantic in set(SemanticType) else SemanticType.FACT,
        source=Source.IMPORT,
        visibility=Visibility.PRIVATE if closed else Visibility.CUBE,
        confidence=_confidence(memory),
        occurred_at=memory.moment(reading, "created_at", "memory_time", "updated_at"),
    )
    return Imported(source_id=entry.what, remember=remember, context=session)


def _memory_type(memory: Entry) -> MemoryType:
    told = MemoryType.PREFERENCE if memory.data.get("preference") else MemoryType.LONG_TERM
    return TYPES.get(_type(memory) or "", told)


def _confidence(memory: Entry) -> float:
    """MemOS declares percent and also writes shares: up to 1 it is a share."""
    told = memory.data.get("confidence")
    if told is None:
        return 1.0
    if isinstance(told, bool) or not isinstance(told, int | float) or not 0 <= told <= 100:
        raise memory.refuse("confidence is not a number from 0 to 100")
    return told if told <= 1 else told / 100


def _locators(memory: Entry) -> tuple[str, ...]:
    """Where MemOS has it from; what was said there word by word stays behind."""
    found = memory.data.get("sources") or ()
    places = (each.get(name) for each in found if isinstance(each, dict) for name in LOCATORS)
    return tuple(place for place in places if isinstance(place, str) and place.strip())


def _link(document: Any, reading: Reading) -> None:
    edges = document.get("edges") if isinstance(document, dict) and "nodes" in document else None
    here = {memory.source_id for memory in reading.memories}
    links: dict[Link, None] = {}
    for entry in entries("edge", edges or []):
        if (link := _linked(entry)) is None or not {link.source_id, link.target_id} <= here:
            reading.left_out["links"] += 1
        else:
            links[link] = None
    reading.links.extend(links)


def _linked(edge: Entry) -> Link | None:
    """None for a type that is no relation here, and for a link to itself."""
    ends = [f"{NAME}:{edge.identifier(name)}" for name in ("source", "target")]
    kind = RELATIONS.get((edge.text("type") or "").upper())
    if kind is None or ends[0] == ends[1]:
        return None
    relation, turned = kind
    source, target = reversed(ends) if turned else ends
    return Link(source_id=source, target_id=target, relation=relation)


def file_names(config: Any) -> tuple[str, ...]:
    """Where the texts of a dumped cube are, by its config.json. Raises CannotImport."""
    names = ["textual_memory.json"]
    for part in ("text_mem", "pref_mem"):
        told = Entry("config.json", config).inner(part).inner("config").text("memory_filename")
        names += [told] if told else []
    for name in names:
        if "/" in name or "\\" in name or name.startswith("."):
            raise CannotImport(what="config.json", reason=f"it names a file elsewhere: {name[:80]!r}")
    return tuple(dict.fromkeys(names))
