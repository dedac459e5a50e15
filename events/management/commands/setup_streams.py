"""``manage.py setup_streams``: create what the declared groups need."""

from __future__ import annotations

import shlex
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from events import keys, transport
from events.errors import BusUnavailable, ConfigurationError
from events.groups import groups, set_up
from events.policy import refuse_wrong_server


class Command(BaseCommand):
    help = "Create the streams and consumer groups that are missing. Running it again is harmless."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--print",
            action="store_true",
            dest="as_script",
            help="print a shell script of redis-cli lines that does the same, and do nothing",
        )

    def handle(self, *, as_script: bool, **options: Any) -> None:
        if as_script:
            self.stdout.write("\n".join(script()))
            return
        try:
            refuse_wrong_server()
            created = set_up(transport.current().streams)
        except ConfigurationError as error:
            raise CommandError(f"{error}.") from error
        except BusUnavailable as error:
            raise CommandError(f"Nothing was set up: {error}") from error
        declared = groups()
        streams = {stream for group in declared for stream in group.streams}
        self.stdout.write(
            f"{len(streams)} streams and {len(declared)} groups are ready; "
            f"{created} places in a stream were new."
        )


def script() -> list[str]:
    """The set-up as lines of a shell script; REDIS_CLI may hold redis-cli's own options."""
    lines = [
        "#!/bin/sh",
        "# Creates the streams and consumer groups. A group that exists already stays as it is.",
        "set -eu",
        ': "${REDIS_CLI:=redis-cli}"',
        "create() {",
        '  reply=$($REDIS_CLI XGROUP CREATE "$1" "$2" "$3" MKSTREAM 2>&1) || true',
        '  case "$reply" in',
        "    *OK | *BUSYGROUP*) ;;",
        '    *) echo "$1 $2: $reply" >&2; exit 1 ;;',
        "  esac",
        "}",
    ]
    for group in groups():
        for stream in group.streams:
            position = "$" if group.start == "now" else "0"
            lines.append(_create(stream, group.name, position))
            lines.append(_create(keys.retry_stream(stream, group.name), group.name, "0"))
    return lines


def _create(stream: str, group: str, position: str) -> str:
    return f"create {shlex.quote(stream)} {shlex.quote(group)} {shlex.quote(position)}"
