"""Options of the commands that serve something: on which address, and under which names.

Options that several commands share belong here; who listens stands in `serving` and `studio`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

STUDIO_PORT = 8080
F = TypeVar("F", bound=Callable[..., Any])


def host_option(command: F) -> F:
    """Give a command the option ``--host``."""
    return click.option("--host", default="127.0.0.1", show_default=True, help="Name or address to listen on.")(command)


def allow_host_option(command: F) -> F:
    """Give a command the option ``--allow-host``, of which it is told as ``allowed``."""
    told = "Further name under which it answers; repeatable."
    return click.option("--allow-host", "allowed", multiple=True, help=told)(command)


def studio_port_option(name: str) -> Callable[[F], F]:
    """Give a command the studio's port as an option of this name."""
    return click.option(
        name, default=STUDIO_PORT, show_default=True, envvar="STUDIO_PORT", type=click.IntRange(1, 65535),
        help="Port of the studio; STUDIO_PORT sets it too.",
    )  # fmt: skip
