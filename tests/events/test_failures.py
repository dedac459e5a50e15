from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import pydantic
import pytest
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from pydantic import BaseModel

from events.errors import InvalidEvent, Problem, Reject, Retry, UnknownType
from events.failures import (
    MAX_MESSAGE,
    MAX_TRACEBACK,
    Bury,
    Decision,
    Wait,
    decide,
    describe,
    fingerprint,
    innermost_frame,
    traceback_text,
)
from events.retry import RetryPolicy

EVERY_TIME = RetryPolicy(max_retries=3, base_s=0.0)
NEVER = RetryPolicy(max_retries=0)
INVALID = InvalidEvent("Trading.TradeExecuted", (Problem("data.value", "is missing"),))


@pytest.mark.parametrize(
    ("error", "policy", "attempt", "decision"),
    [
        (ValueError("a bug"), EVERY_TIME, 1, Wait(0.0)),
        (ValueError("a bug"), EVERY_TIME, 3, Wait(0.0)),
        (ValueError("a bug"), EVERY_TIME, 4, Bury("exhausted")),
        (ValueError("a bug"), NEVER, 1, Bury("exhausted")),
        (SystemExit(1), NEVER, 1, Bury("exhausted")),
        (Retry("not yet"), EVERY_TIME, 1, Wait(0.0)),
        (Retry("not yet", delay_s=90.0), EVERY_TIME, 1, Wait(90.0)),
        (Retry("at once", delay_s=0), RetryPolicy(max_retries=1, base_s=9.0), 1, Wait(0)),
        (Retry("not yet", delay_s=90.0), EVERY_TIME, 4, Bury("exhausted")),
        (Reject("never"), EVERY_TIME, 1, Bury("permanent")),
        (INVALID, EVERY_TIME, 1, Bury("permanent")),
        (UnknownType("Trading.Nothing"), EVERY_TIME, 1, Bury("permanent")),
    ],
)
def test_what_follows_from_a_failure(
    error: BaseException, policy: RetryPolicy, attempt: int, decision: Decision
) -> None:
    assert decide(error, policy, attempt) == decision


def test_an_error_is_described_by_its_class_and_message() -> None:
    assert describe(ValueError("no such user")) == ("ValueError", "no such user")
    assert describe(ZeroDivisionError()) == ("ZeroDivisionError", "ZeroDivisionError")


def test_what_a_model_refuses_is_told_without_values_and_without_addresses() -> None:
    class Card(BaseModel):
        number: int

    with pytest.raises(pydantic.ValidationError) as refused:
        Card.model_validate({"number": "4111 1111"})

    assert describe(refused.value) == (
        "ValidationError",
        "Card: number: Input should be a valid integer, unable to parse string as an integer",
    )


def test_of_a_long_message_the_head_is_kept() -> None:
    _, message = describe(ValueError("head" + "x" * 10_000))

    assert message.startswith("head")
    assert len(message) == MAX_MESSAGE


def test_of_a_long_traceback_the_tail_is_kept() -> None:
    text = traceback_text(ValueError("x" * 2 * MAX_TRACEBACK + "tail"))

    assert len(text) == MAX_TRACEBACK
    assert text.endswith("tail\n")


def test_an_error_whose_message_fails_is_described_all_the_same() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise ZeroDivisionError

    name, message = describe(Mute())

    assert name == "Mute"
    assert "failed" in message


def test_what_a_database_refuses_is_written_out() -> None:
    error = ValueError("nul \0 and half a smile \ud83d")

    assert describe(error)[1] == r"nul \x00 and half a smile \ud83d"
    assert r"nul \x00 and half a smile \ud83d" in traceback_text(error)


def test_a_traceback_names_the_causes_too() -> None:
    text = traceback_text(raised(fails_for_a_reason))

    assert "KeyError: 'wallet'" in text
    assert "ValueError: no wallet" in text


def test_failures_of_one_kind_at_one_place_are_alike() -> None:
    marks = {mark(raised(lambda number=number: fails_with(number))) for number in range(3)}

    assert len(marks) == 1
    assert len(marks.pop()) == 16


def test_failures_of_another_class_handler_or_place_are_not_alike() -> None:
    marks = {
        mark(raised(fails_for_a_reason)),
        mark(raised(fails_for_a_reason), handler="another.handler"),
        mark(raised(lambda: fails_with(1))),
        fingerprint("KeyError", "a.handler", innermost_frame(raised(fails_for_a_reason))),
    }

    assert len(marks) == 4


def test_the_frame_is_the_innermost_one_that_is_ours() -> None:
    assert innermost_frame(raised(lambda: fails_with(1))).endswith("test_failures:fails_with")


@pytest.mark.parametrize(
    "calls_a_library",
    [lambda: validate_email("nobody"), lambda: json.loads("{")],
    ids=["an installed package", "Python's own"],
)
def test_a_librarys_frames_are_passed_over(calls_a_library: Callable[[], object]) -> None:
    frame = innermost_frame(raised(calls_a_library))

    assert frame.endswith("test_failures:<lambda>")


def test_an_error_that_was_never_raised_has_no_frame() -> None:
    assert innermost_frame(ValueError()) == ""


def fails_with(number: int) -> None:
    if number == 1:
        raise ValueError("one")
    raise ValueError(f"not one but {number}")


def fails_for_a_reason() -> None:
    try:
        raise KeyError("wallet")
    except KeyError as error:
        raise ValueError("no wallet") from error


def raised(fails: Callable[[], object]) -> Exception:
    """What the function raises."""
    try:
        fails()
    except (ValueError, ValidationError) as error:
        return error
    raise AssertionError("it did not fail")


def mark(error: Exception, handler: str = "a.handler") -> str:
    return fingerprint(describe(error)[0], handler, innermost_frame(error))


@pytest.mark.parametrize("delay_s", [math.inf, math.nan, -1.0, "soon"])
def test_a_delay_that_makes_no_sense_leaves_it_to_the_policy(delay_s: Any) -> None:
    policy = RetryPolicy(max_retries=3, base_s=4.0)

    found = decide(Retry(delay_s=delay_s), policy, attempt=1)

    assert isinstance(found, Wait)
    assert 0 <= found.delay_s <= 4.0


def test_nobody_waits_longer_than_a_day() -> None:
    assert decide(Retry(delay_s=1e12), RetryPolicy(), attempt=1) == Wait(86_400.0)
