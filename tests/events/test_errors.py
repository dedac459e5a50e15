"""What errors say, whatever was sent."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ValidationError, field_validator

from events.errors import (
    InvalidEvent,
    InvalidInList,
    Problem,
    UnknownFormat,
    UnknownType,
    problems_in,
)


class Parcel(BaseModel, extra="forbid"):
    weights: list[int] = []

    @field_validator("weights")
    @classmethod
    def _some(cls, weights: list[int]) -> list[int]:
        if not weights:
            raise ValueError("say what it weighs")
        return weights


def problems(raw: object) -> list[str]:
    with pytest.raises(ValidationError) as refused:
        Parcel.model_validate(raw)
    return [str(problem) for problem in problems_in(refused.value, "data")]


def test_what_a_model_refuses_is_a_list_of_problems_without_values() -> None:
    assert problems({"weights": []}) == ["data.weights: say what it weighs"]
    assert problems({"weights": [1, "4111 1111"]}) == [
        "data.weights.1: Input should be a valid integer, unable to parse string as an integer"
    ]
    assert problems(7)[0].startswith("data: Input should be a valid dictionary")


def test_what_is_refused_as_a_whole_is_the_event() -> None:
    with pytest.raises(ValidationError) as refused:
        Parcel.model_validate(7)

    (problem,) = problems_in(refused.value)
    assert problem.field == "event"


def test_a_name_of_any_length_is_told_in_part() -> None:
    (told,) = problems({"weights": [1], "\x1b" + "y" * 9_000: 1})

    assert told == f"data.\\x1b{'y' * 79}…: Extra inputs are not permitted"


def test_of_very_many_problems_the_first_are_told_and_how_many_there_are() -> None:
    found = tuple(Problem(f"data.k{number}", "no") for number in range(10_000))

    error = InvalidEvent("Trading.TradeExecuted", found)

    assert error.problems == found
    assert str(error).startswith("Trading.TradeExecuted: data.k0: no; data.k1: no; ")
    assert str(error).endswith("data.k19: no; and 9,980 more")
    assert str(InvalidEvent("T", found[:20])).endswith("data.k19: no")


def test_a_type_of_any_length_is_told_in_part() -> None:
    name = "Trading.\n" + "x" * 300_000

    unknown = UnknownType(name)

    assert unknown.event_type == name
    assert len(str(unknown)) < 300
    assert str(unknown).isprintable()
    assert "… (300,009 characters) is not a registered event type" in str(unknown)


def test_of_several_the_one_that_is_wrong_is_told_by_its_number() -> None:
    wrong = (Problem("data.value", "Field required"), Problem("event", "is too large"))

    error = InvalidInList(3, 5, InvalidEvent("T", wrong))

    assert str(error) == (
        "number 4 of 5: T: data.value: Field required; event: is too large; none of them is taken"
    )
    assert [one.field for one in error.problems] == ["[3].data.value", "[3]"]
    assert (error.number, error.count, error.alone.problems) == (4, 5, wrong)


def test_what_was_tried_is_told() -> None:
    error = UnknownFormat((("a", "has no x"), ("b", "has no y")))

    assert str(error) == "event: event: is of no known format (not a: has no x; not b: has no y)"
