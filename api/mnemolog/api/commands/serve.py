from __future__ import annotations

import click

from mnemolog.api.terminal.invocation import Invocation, note, pass_invocation, shared_options


@click.command("serve")
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option("--port", default=7077, show_default=True, type=click.IntRange(0, 65535), help="0 takes any.")
@click.option(
    "--behind-tls", is_flag=True, help="Something in front speaks TLS: listening beyond this machine is meant."
)
@shared_options
@pass_invocation
def command(invocation: Invocation, host: str, port: int, behind_tls: bool) -> None:
    """Serve the REST API.

    The owner's key lies in owner.key in the store's home.
    """
    from mnemolog.api.server import serve

    serve(invocation.settings(), host=host, port=port, behind_tls=behind_tls, ready=_tell)


def _tell(url: str) -> None:
    note(f"mnemolog answers at {url}. Interrupt to stop.")
