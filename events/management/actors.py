"""Who acts when a command does."""

from __future__ import annotations

import getpass

from events.audit import Actor


def at_the_shell() -> Actor:
    """The system user. Who has a shell beside the console has every right, and nobody to ask for a
    password again: the audit names the user."""
    return Actor(
        f"command line, {getpass.getuser()}",
        "command line",
        may_operate=True,
        may_admin=True,
        stepped_up=True,
    )
