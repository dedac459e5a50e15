"""What the bus server must be like: looked at when a process starts, refused with what to do."""

from __future__ import annotations

import logging
import re

from django.conf import settings

from events import transport
from events.errors import BusUnavailable, ConfigurationError
from events.transport.base import ServerInfo

logger = logging.getLogger(__name__)

OLDEST = {"Redis": (7, 0), "Valkey": (7, 2)}
"""Oldest versions whose commands are enough (XAUTOCLAIM that tells what is gone, scripts that may
write after they have looked at the clock)."""


def check_server(server: ServerInfo, *, production: bool) -> list[str]:
    """Sentences about what is unwise; raises ConfigurationError for what would lose events.

    A server that drops keys when its memory is full, one too old, in production one that keeps
    nothing on disk. `server.name` "memory" is the transport without a server: nothing to refuse.
    """
    if server.name not in OLDEST:
        return []
    named = f"the bus server ({server.name} {server.version})"
    if server.policy != "noeviction":
        raise ConfigurationError(
            f"{named} has maxmemory-policy {server.policy!r}: when its memory is full it would "
            "drop events nobody has handled; set it: CONFIG SET maxmemory-policy noeviction"
        )
    if _version(server.version) < OLDEST[server.name]:
        oldest = ".".join(map(str, OLDEST[server.name]))
        raise ConfigurationError(f"{named} is too old: {server.name} {oldest} or newer is needed")
    if server.append_only:
        return []
    sentence = (
        f"{named} keeps nothing on disk (appendonly no): a restart loses what is on the bus until "
        "it is put back from SQL; set it: CONFIG SET appendonly yes"
    )
    if production:
        raise ConfigurationError(sentence)
    return [sentence]


def refuse_wrong_server() -> None:
    """Look at the server this process is connected to; ConfigurationError says what to mend.

    One that does not answer now is looked at by the next process that starts.
    """
    try:
        server = transport.current().inspector.server()
    except BusUnavailable as error:
        logger.warning("the bus server could not be looked at: %s", error)
        return
    for sentence in check_server(server, production=settings.ENVIRONMENT == "production"):
        logger.warning(sentence)


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:2])
