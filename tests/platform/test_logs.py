"""Log lines."""

import json
import logging
import sys

from astra_console.logs import JsonLines

HOSTILE = 'two\nlines\r\n"quoted" \u2028 \x1b[31m and {"level": "info"}'


def line(message: str, *args: object, **extra: object) -> str:
    record = logging.makeLogRecord(
        {"name": "astra", "levelname": "WARNING", "msg": message, "args": args, **extra}
    )
    return JsonLines().format(record)


def test_nothing_from_outside_can_break_a_line() -> None:
    written = line("event %s", HOSTILE)

    assert len(written.splitlines()) == 1
    assert json.loads(written)["message"] == f"event {HOSTILE}"
    assert "\x1b" not in written


def test_a_line_says_when_how_bad_and_who() -> None:
    said = json.loads(line("hello", event_id="e-1"))

    assert said["level"] == "warning"
    assert said["logger"] == "astra"
    assert said["at"].endswith("+00:00")
    assert said["event_id"] == "e-1"


def test_an_exception_stays_on_the_line() -> None:
    try:
        raise ValueError(HOSTILE)
    except ValueError:
        written = line("failed", exc_info=sys.exc_info())

    assert len(written.splitlines()) == 1
    assert "ValueError" in json.loads(written)["exception"]


def test_what_json_cannot_hold_is_written_as_text() -> None:
    assert json.loads(line("odd", thing={1, 2}))["thing"] == "{1, 2}"


def test_the_servers_coloured_copy_of_a_message_is_left_out() -> None:
    said = json.loads(line("started", color_message="\x1b[1mstarted"))

    assert "color_message" not in said
