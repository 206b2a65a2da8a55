"""What may be sent to take something back, or to fork a cube."""

from __future__ import annotations

from pydantic import Field

from mnemolog.api.bodies import Body, Flag, Position


class UndoBody(Body):
    position: Position = Field(description="Of any event of the append that is to be undone.")
    dry_run: Flag = Field(False, description="Only say what it would take.")


class ForkBody(Body):
    at: Position | str = Field(description="A position, a time with its zone, or a while ago such as -2h.")
    name: str
