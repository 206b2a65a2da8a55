"""Who may get hold of what memories say, besides the exit itself, and why nothing of it leaves there.

By layer, module and function; `*` is all of a module.
"""

from __future__ import annotations

EXIT = "disclosure.py"
# What stands here has only what was told already.
BEHIND_THE_EXIT = ("commands", "demo", "routes", "terminal")

DECIDES = "decides on a memory; the answer has ids and positions only"
OTHERS = "loads something that is no memory"
OF_DISCLOSED = "makes an answer of what the exit has disclosed"
FACTS = "tells facts that are nobody's personal content"
POSITIONS = "needs positions and types of events only"
SEALED_ROWS = "hands on rows as they are stored: what is personal is sealed in them"
NO_MEMORY = "a text, and not a memory's"
WIRES = "builds the parts and hands them out"
TYPE = "names the type of what it is given"

API: dict[str, dict[str, str]] = {
    "analytics.py": {"Analytics._session": SEALED_ROWS, "Analytics.tables": NO_MEMORY},
    "answers.py": {
        "<module>": TYPE,
        "CubeAnswer.founded": FACTS,
        "MemoryAnswer.of": OF_DISCLOSED,
        "EventAnswer.of": "without what it is told to hide: by log.without_text, or nothing behind disclose_history",
    },
    "asked_again.py": {
        "AskingAgain._erased_since": POSITIONS,
        "_Again._changes": POSITIONS,
        "_Again._told": NO_MEMORY,
    },
    "audit.py": {"Audit._entries": FACTS, "_entry": "what log.without_text has left of an event"},
    "budget.py": {"<module>": TYPE, "within": "counts the tokens of what the exit has disclosed"},
    "bundles.py": {
        "Bundles._rows": SEALED_ROWS,
        "Bundles._lines": "hashes of the log",
        "Bundles.load": "reads a dump that somebody has, and answers with ids and counts",
    },
    "catalogue_check.py": {"_told": "folds the catalogue again, and answers whether it is the same"},
    "commands/demo.py": {"_recall": "a conversation from a file"},
    "commands/load.py": {"command": "the capability of that name"},
    "cubes.py": {
        "<module>": "for positions and types of events",
        "Cubes._answers": FACTS,
        "Cubes._fork_answer": FACTS,
        "Cubes._forked": OTHERS,
        "Cubes._version_at": POSITIONS,
        "Cubes.configure": OTHERS,
    },
    "decisions.py": {
        "Decisions._answer": POSITIONS,
        "Decisions.change.decide": DECIDES,
        "Decisions.load": "checks who may touch a memory and gives it to a decision, of which each is listed here",
    },
    "erasing.py": {
        "_begin_again": OTHERS,
        "_has_begun_since": POSITIONS,
        "complete": OTHERS,
        "destroy": "destroys keys",
        "destroy_again": "destroys keys",
        "finish": "destroys keys",
    },
    "erasures.py": {"Erasures._memory": DECIDES, "Erasures._subject": OTHERS},
    "evidence.py": {"Evidence.__init__": SEALED_ROWS},
    "evidence_answers.py": {"SignedCheckpoint.of": NO_MEMORY},
    "forking.py": {
        "<module>": TYPE,
        "_Past.take": "links, reasons and witnesses: no words",
        "_first_trust": FACTS,
        "_original": "what the exit has disclosed becomes a memory of the caller's own cube",
        "_past": "links, reasons and witnesses: no words",
    },
    "granting.py": {"Granting._resource": DECIDES, "Granting.revoked": OTHERS},
    "grants.py": dict.fromkeys(
        ("Grants._acknowledged", "Grants._answer", "Grants.list"), "reasons of grants, to those who may know why"
    ),
    "graph_answers.py": {"<module>": TYPE, "_memory": OF_DISCLOSED},
    "groups.py": {"Groups._add": OTHERS, "Groups.remove": OTHERS},
    "import_batches.py": {
        "ImportBatches._ends": DECIDES,
        "ImportBatches._remembered": "compares names of sources with those of the caller's own import",
    },
    "influence.py": {"Influence._touched": POSITIONS},
    "kept_checkpoints.py": {"kept_checkpoints": NO_MEMORY},
    "lineage_answers.py": {
        "<module>": TYPE,
        "LineageNode.of": OF_DISCLOSED,
        "RetractionAnswer.of": "the record of a retraction: ids, and why it was asked for",
    },
    "listing.py": {"<module>": TYPE},
    "loading.py": {
        "<module>": "for vectors",
        "Loading._adopt": "which words of the caller's own dump a vector is of",
        "Loading._doomed": "which keys were destroyed",
        "Loading._earlier": FACTS,
    },
    "log.py": {
        "Log.page": "shows events through without_text",
        "Log.tail": "shows events through without_text",
        "Log.verify": SEALED_ROWS,
        "without_text": "leaves out all that an event has sealed",
    },
    "log_stream.py": {"LogStream._next": "asks the capability"},
    "memories.py": {
        "Memories.history": "hands the events to disclose_history, which checks who may read them",
        "Memories._owner_of_all": DECIDES,
        "Memories.link": DECIDES,
        "Memories.links": "where links lead, of which each is checked",
        "Memories.merge.decide": DECIDES,
        "Memories.retract_merge.decide": DECIDES,
    },
    "moments.py": {"moment_of": POSITIONS},
    "parts.py": {"<module>": TYPE},
    "permissions.py": {"Permissions.explain": NO_MEMORY, "_told": NO_MEMORY},
    "principals.py": {"Principals._load": OTHERS},
    "recall.py": {
        "<module>": TYPE,
        "Recall.__call__": NO_MEMORY,
        "Recall._answer": "counts the tokens of what the exit has disclosed",
        "_hit": OF_DISCLOSED,
    },
    "receipts.py": {"read_receipt": NO_MEMORY},
    "recorded.py": {"recorded_recall": "a question, as its record has it"},
    "replay.py": {"Replay._plan": SEALED_ROWS, "Replay._recalls": POSITIONS, "Replay.answer": POSITIONS},
    "replaying.py": {
        "<module>": "for views",
        "Replaying.__init__": "feeds views, which tell ids",
        "Replaying._erased": POSITIONS,
    },
    "reranked.py": {"<module>": TYPE, "reranked": "scores what the exit has disclosed, on this machine"},
    "retract.py": {
        "Retract.__call__": "the record of a retraction",
        "Retract._deeds": POSITIONS,
        "Retract._loaded": DECIDES,
        "Retract._revised": DECIDES,
        "Retract._situation": OTHERS,
    },
    "rules_then.py": {"<module>": "for the rules of then", "RulesThen.__init__": "grants and memberships: no memory"},
    "sealer.py": {"<module>": TYPE, "Sealer._already_signed": NO_MEMORY},
    "sealing.py": {"Sealing.sign": NO_MEMORY},
    "store.py": {"Store.__init__": "the capability of that name"},
    "sweeper.py": {"_archive": DECIDES},
    "taking.py": {
        "<module>": "for vectors",
        "Taking._texts": "asks for vectors by the words that they are of; only those behind disclose_keys are dumped",
    },
    "tenants.py": {"Tenants.limit": OTHERS},
    "terminal/proof_lines.py": {"document": NO_MEMORY, "proof_lines": NO_MEMORY},
    "time_travel.py": {
        "<module>": "for the events of a memory",
        "TimeTravel._events": "the events of a memory, behind disclose_one: of blame, and of links without words",
        "TimeTravel._replayed": POSITIONS,
        "TimeTravel.blame": "says of which event each word is that disclose_one has let out",
        "TimeTravel.diff": OF_DISCLOSED,
    },
    "timeline.py": {
        "_entries": OF_DISCLOSED,
        "_facts": "without what an event has sealed, and without ids that the caller may not know",
        "told": "shows events of memories that the exit has let out",
    },
    "undoing.py": {
        "<module>": "for the events of a memory",
        "Undoing._configured": OTHERS,
        "Undoing._memories": DECIDES,
        "Undoing._memories.target": DECIDES,
        "Undoing.append_at": POSITIONS,
        "Undoing.together": POSITIONS,
        "_Around._history": DECIDES,
        "_Around.passed": DECIDES,
    },
    "views.py": {"<module>": "for views", "Views._pages": "feeds views, which tell ids"},
    "wiring.py": {"<module>": WIRES, "build": WIRES, "start": WIRES},
}
VIEW = "makes a view of words, which tells ids, positions and scores"
PROJECTIONS: dict[str, dict[str, str]] = {
    "accesses.py": {"*": "records of accesses: ids only"},
    "catalogue.py": {"*": "keyed tokens in place of personal labels"},
    "cube_scopes.py": {"*": "states and labels: no words"},
    "edges.py": {"*": "names that memories mention, told with the memories that the exit lets out"},
    "labels.py": {"*": VIEW},
    "mentions.py": {"*": "finds names in a text that it is given"},
    "questions.py": {"*": NO_MEMORY},
    "recall.py": {"*": NO_MEMORY},
    "residence.py": {"*": "feeds views"},
    "signals.py": {"*": NO_MEMORY},
    "terms.py": {"*": VIEW},
    "traversal.py": {"*": "a logarithm"},
    "turns.py": {"*": VIEW},
    "vectors.py": {"*": VIEW},
}
OWN_FORMAT = "reads an export of another system, which whoever imports it has"
ADAPTERS: dict[str, dict[str, str]] = {
    "bundle_events.py": {"*": "opens a dump with the keys that are in it, for whoever has it"},
    "bundle_files.py": {"*": NO_MEMORY},
    "embedders/endpoint.py": {"*": "vectors, as a model answers"},
    "embedders/hashing.py": {"*": "a logarithm"},
    "hnsw_files.py": {"*": "bytes of an array"},
    "imports/imported.py": {"*": OWN_FORMAT},
    "imports/langgraph.py": {"*": OWN_FORMAT},
    "imports/mem0.py": {"*": OWN_FORMAT},
    "imports/memos.py": {"*": OWN_FORMAT},
    "plots/page.py": {"*": "words on a plot"},
    "postgres/access_log.py": {"*": "writes records of accesses"},
    "postgres/accesses.py": {"*": "records of accesses: ids only"},
    "postgres/application.py": {"*": "where aggregates are loaded, and the log is written"},
    "postgres/catalogue.py": {"*": "facts of events for rows without words"},
    "postgres/columns.py": {"*": "bytes of a column"},
    "postgres/connection.py": {"*": "whether a statement returns rows"},
    "postgres/embedded.py": {"*": "the log file of Postgres"},
    "postgres/log.py": {"*": "where events are opened"},
    "postgres/mapper.py": {"*": "where events are sealed and opened"},
    "postgres/verify_evidence.py": {"*": NO_MEMORY},
    "view_files.py": {"*": "bytes of an array"},
}
