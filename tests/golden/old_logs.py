"""Whole logs that older releases have written: a line for the header, one for each row of each table, as text.

The header has what was said of it then, which migrations there were, and the files of the store's folder. The keys in
it open nothing but this.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier

from mnemolog.adapters.postgres.migrate import migrate, migrations

FOLDER = Path(__file__).parent / "logs"
HOME_FILES = ("owner.key", "signing.key", "checkpoints")
# What is made from the rest, or is about this one process.
LEFT_OUT = ("embedding",)
TABLES = """
SELECT n.nspname, c.relname, array_agg(a.attname ORDER BY a.attnum),
       array_agg(format_type(a.atttypid, a.atttypmod) ORDER BY a.attnum)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
WHERE n.nspname IN ('mnemolog', 'mnemolog_keys') AND c.relkind = 'r' GROUP BY 1, 2 ORDER BY 1, 2
"""


def dumped(dsn: str, home: Path, said: dict[str, Any]) -> Iterator[dict[str, Any]]:
    files = {path: home / path for path in HOME_FILES}
    erased = {f"erased/{path.name}": path for path in (home / "erased").glob("*")}
    kept = {name: path for name, path in (files | erased).items() if path.exists()}
    with psycopg.connect(dsn) as connection:
        applied = connection.execute("SELECT name, sha256 FROM public.mnemolog_migration ORDER BY 1").fetchall()
        yield {
            "said": said,
            "migrations": dict(applied),
            "files": {name: base64.b64encode(path.read_bytes()).decode() for name, path in kept.items()},
        }
        connection.execute("SET timezone TO 'UTC'")
        for schema, table, columns, types in connection.execute(TABLES).fetchall():
            if table in LEFT_OUT:
                continue
            yield {"table": f"{schema}.{table}", "columns": columns, "types": types}
            asked = SQL(", ").join(SQL("{}::text").format(Identifier(column)) for column in columns)
            query = SQL("SELECT {} FROM {} ORDER BY 1").format(asked, Identifier(schema, table))
            yield from ({"row": row} for row in connection.execute(query))


def written(path: Path, lines: Iterable[dict[str, Any]]) -> None:
    """Never over one that is there."""
    with open(path, "x", encoding="utf-8") as file:
        for line in lines:
            file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")


def header(path: Path) -> dict[str, Any]:
    with open(path, encoding="utf-8") as file:
        found: dict[str, Any] = json.loads(file.readline())
    return found


def put_back(path: Path, dsn: str, home: Path) -> None:
    """The database as it was under the migrations of then, and the files of the folder; then all migrations since."""
    head = header(path)
    then = [each for each in migrations() if each.name in head["migrations"]]
    assert {each.name: each.sha256 for each in then} == head["migrations"], "a migration was edited after its release"
    migrate(dsn, then)
    with psycopg.connect(dsn) as connection, open(path, encoding="utf-8") as file:
        connection.execute("SET timezone TO 'UTC'")
        connection.execute("SET session_replication_role = replica")  # tables come in any order
        table, columns, types = "", list[str](), list[str]()
        for line in map(json.loads, list(file)[1:]):
            if "table" in line:
                table, columns, types = line["table"], line["columns"], line["types"]
                connection.execute(SQL("DELETE FROM {}").format(Identifier(*table.split("."))))
            else:
                _insert(connection, table, columns, types, line["row"])
    for name, content in head["files"].items():
        place = home / name
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        place.write_bytes(base64.b64decode(content))
        place.chmod(0o600)
    migrate(dsn)


def _insert(
    connection: psycopg.Connection[Any], table: str, columns: Sequence[str], types: Sequence[str], row: Sequence[Any]
) -> None:
    names = SQL(", ").join(map(Identifier, columns))
    values = SQL(", ").join(SQL("%s::" + kind) for kind in types)
    statement = SQL("INSERT INTO {} ({}) VALUES ({})").format(Identifier(*table.split(".")), names, values)
    connection.execute(statement, row)
