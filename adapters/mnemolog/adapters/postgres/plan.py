"""What it takes to start one server, in a form that the process which starts it can be handed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from mnemolog.adapters.postgres.account import Account
from mnemolog.adapters.postgres.layout import Layout
from mnemolog.adapters.postgres.sockets import PORT

BUSY = 75  # exit code of a supervisor where there is one already
DEFAULTS: Mapping[str, str] = {
    "max_connections": "100",
    "shared_buffers": "128MB",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "off",
    "log_destination": "stderr",
    # What people remember must not be kept a second time, in a file that no erasure reaches. Statements, parameters and
    # the details of an error quote it, and so can its first line: errors go to the client alone.
    "log_statement": "none",
    "log_min_error_statement": "panic",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_error_verbosity": "terse",
    "log_min_messages": "log",
}
NOT_DURABLE: Mapping[str, str] = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "checkpoint_timeout": "1h",
    "max_wal_size": "4GB",
}


@dataclass(frozen=True)
class Plan:
    root: str
    bindir: str
    account: Account
    settings: Mapping[str, str]
    linger: float

    @property
    def layout(self) -> Layout:
        return Layout(Path(self.root))

    @property
    def postgres(self) -> str:
        return str(Path(self.bindir) / "postgres")

    def command(self) -> list[str]:
        """Every setting is an argument, so that none outlives the run it was asked for."""
        layout = self.layout
        fixed = {
            "listen_addresses": "",
            "port": str(PORT),
            "unix_socket_directories": str(layout.socket_folder),
            "unix_socket_permissions": "0700",
            "hba_file": str(layout.hba),
            "ident_file": str(layout.ident),
        }
        chosen = {**self.settings, **fixed}
        return [self.postgres, "-D", str(layout.pgdata), *(f"--{key}={value}" for key, value in chosen.items())]

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Plan:
        fields = json.loads(text)
        return cls(**{**fields, "account": Account(**fields["account"])})


def settings_for(durable: bool, extra: Mapping[str, str]) -> dict[str, str]:
    return {**DEFAULTS, **({} if durable else NOT_DURABLE), **extra}
