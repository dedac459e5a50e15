"""A field that takes less than before is told, whatever it takes and wherever it stands."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal, NamedTuple
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import (
    UUID4,
    AfterValidator,
    AnyUrl,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    HttpUrl,
    IPvAnyAddress,
    Json,
    NaiveDatetime,
    PastDate,
    RootModel,
    Strict,
    StringConstraints,
    UrlConstraints,
    ValidationError,
    create_model,
)

from events.compatibility import BACKWARD, BOTH, FORWARD, NEITHER, differences, payload_schema

A, F = Annotated, Field
DAY = date(2026, 1, 15)


def unchanged(value: Any) -> Any:
    return value


Checked = AfterValidator(unchanged)
"""A function of Python, after which pydantic checks bounds by functions too."""


class Side(StrEnum):
    BUY = "buy"
    SELL = "sell"


class OneSide(StrEnum):
    BUY = "buy"


class Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")
    a: int


class ClosedNarrow(Closed):
    a: A[int, F(ge=1)]


class ClosedWithTwo(Closed):
    b: int


class Optional(Closed):
    a: int = 0


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    a: int


class OpenWithTwo(Open):
    b: int = 0


class OfNumbers(Open):
    __pydantic_extra__: dict[str, int]


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int


class NarrowCat(Cat):
    lives: A[int, F(le=9)]


class Dog(BaseModel):
    kind: Literal["dog"]
    lives: int


class Kept(BaseModel):
    until: date | None = None


class KeptStrictly(Kept):
    model_config = ConfigDict(strict=True)


class Text(BaseModel):
    text: str


class ShortText(Text):
    model_config = ConfigDict(str_max_length=9)


class Pair(NamedTuple):
    first: int
    second: int = 0


class WholePair(NamedTuple):
    first: int
    second: int


class Tree(BaseModel):
    leaves: int
    below: list[Tree] = []
    named: dict[str, Tree] = {}


class NarrowTree(BaseModel):
    leaves: A[int, F(ge=1)]
    below: list[NarrowTree] = []
    named: dict[str, NarrowTree] = {}


NUMBERS: list[tuple[Any, Any]] = [
    (int, A[int, F(ge=1)]),
    (A[int, F(ge=1)], A[int, F(gt=1)]),
    (A[int, F(le=9)], A[int, F(lt=9)]),
    (float, int),
    (float, A[int, F(ge=1)]),
    (A[float, F(ge=0)], A[float, F(gt=0)]),
    (A[float, F(ge=1)], A[int, F(ge=2)]),
    (A[float, F(le=9)], A[int, F(le=8)]),
    (int, A[int, F(multiple_of=2)]),
    (A[int, F(multiple_of=2)], A[int, F(multiple_of=4)]),
    (float, A[float, F(multiple_of=0.5)]),
    (A[int, Checked], A[int, Checked, F(ge=1)]),
    (int | float, A[int | float, F(ge=1)]),
    (A[int | float, F(ge=1)], A[int | float, F(ge=2)]),
    (int | float, A[int | float, F(multiple_of=2)]),
    (Literal[0, 1], Literal[0]),
    (bool, Literal[True]),
    (Literal[1, True], Literal[1]),
]
DECIMALS: list[tuple[Any, Any]] = [
    (str, Decimal),
    (Decimal, A[Decimal, F(ge=0)]),
    (Decimal, A[Decimal, F(max_digits=9)]),
    (A[Decimal, F(max_digits=9)], A[Decimal, F(max_digits=8)]),
    (Decimal, A[Decimal, F(decimal_places=2)]),
    (A[Decimal, F(decimal_places=2)], A[Decimal, F(decimal_places=1)]),
    # More places leave fewer digits before the point.
    (A[Decimal, F(max_digits=9, decimal_places=2)], A[Decimal, F(max_digits=9, decimal_places=4)]),
    # To a float both are the same.
    (A[Decimal, F(le=10**23)], A[Decimal, F(le=10**23 - 1)]),
    (Decimal, A[Decimal, F(multiple_of=Decimal("0.05"))]),
    (Decimal, A[Decimal, Strict()]),
    (A[Decimal, Checked], A[Decimal, Checked, F(max_digits=9)]),
    (A[Decimal, Checked, F(decimal_places=4)], A[Decimal, Checked, F(decimal_places=3)]),
]
TEXTS: list[tuple[Any, Any]] = [
    (str, A[str, F(min_length=1)]),
    (str, A[str, F(max_length=9)]),
    (str, A[str, F(pattern="a")]),
    (A[str, F(pattern="a")], A[str, F(pattern="b")]),
    (A[str, F(pattern=re.compile("a", re.IGNORECASE))], A[str, F(pattern="a")]),
    (A[str, Checked], A[str, Checked, F(pattern="a")]),
    (A[str, F(min_length=1)], A[str, StringConstraints(min_length=1, strip_whitespace=True)]),
    (A[str, F(pattern="A")], A[str, StringConstraints(pattern="A", to_lower=True)]),
    (str, Side),
    (Side, OneSide),
    (Side, A[Side, F(min_length=4)]),
    (str, Literal["buy"]),
    (str, UUID),
    (UUID, UUID4),
    (UUID, A[UUID, Strict()]),
    (str, IPvAnyAddress),
    (str, AnyUrl),
    (AnyUrl, A[AnyUrl, UrlConstraints(allowed_schemes=["https"])]),
    (AnyUrl, A[AnyUrl, UrlConstraints(host_required=True)]),
    (AnyUrl, HttpUrl),
    (str, bytes),
    (bytes, A[bytes, F(max_length=9)]),
    (str, Json[Closed]),
    (Json[Closed], Json[ClosedNarrow]),
]
TIMES: list[tuple[Any, Any]] = [
    (str, date),
    (date, A[date, F(ge=DAY)]),
    (A[date, F(ge=DAY)], A[date, F(ge=DAY + timedelta(days=1))]),
    (A[date, F(le=DAY)], A[date, F(lt=DAY)]),
    (date, PastDate),
    (date, A[date, Strict()]),
    (datetime, AwareDatetime),
    (datetime, NaiveDatetime),
    (A[datetime, F(le=datetime(2026, 1, 15))], A[datetime, F(le=datetime(2026, 1, 14))]),  # noqa: DTZ001
    (time, A[time, F(ge=time(8))]),
    (A[time, F(ge=time(8))], A[time, F(ge=time(9))]),
    (timedelta, A[timedelta, F(le=timedelta(days=2))]),
    (A[timedelta, F(le=timedelta(days=2))], A[timedelta, F(le=timedelta(hours=40))]),
    (str, datetime),
    (str, time),
    (str, timedelta),
]
LISTS: list[tuple[Any, Any]] = [
    (list[int], A[list[int], F(min_length=1)]),
    (list[int], A[list[int], F(max_length=9)]),
    (list[int], set[int]),
    (list[int], tuple[int, int]),
    (list[Any], list[int]),
    (list[Closed], list[ClosedNarrow]),
    (tuple[Closed, int], tuple[ClosedNarrow, int]),
    (tuple[int, ...], A[tuple[int, ...], F(max_length=9)]),
    (tuple[int] | tuple[int, int], tuple[int, int]),
    (str | list[str], A[str | list[str], F(max_length=9)]),
    (int | str, A[int | str, F(pattern="a")]),
    (RootModel[list[int]], RootModel[A[list[int], F(max_length=9)]]),
    (Pair, WholePair),
]
TABLES: list[tuple[Any, Any]] = [
    (dict[str, int], A[dict[str, int], F(min_length=1)]),
    (dict[str, int], A[dict[str, int], F(max_length=9)]),
    (dict[str, Any], dict[str, int]),
    (dict[str, Closed], dict[str, ClosedNarrow]),
    (dict[Side, Closed], dict[Side, ClosedNarrow]),
    (dict[A[str, F(pattern="a")], Closed], dict[A[str, F(pattern="a")], ClosedNarrow]),
    (dict[Side, int], dict[OneSide, int]),
    (dict[str, int], dict[A[str, F(pattern="a")], int]),
    (dict[A[str, F(pattern="a")], int], dict[A[str, F(pattern="b")], int]),
    (dict[A[str, F(pattern="a")], int], dict[A[str, F(pattern="a", max_length=9)], int]),
    (dict[str, int], dict[int, int]),
    (dict[int, int], dict[A[int, F(ge=1)], int]),
    (dict[int | Literal["x"], int], dict[int, int]),
    (dict[date, int], dict[A[date, F(ge=DAY)], int]),
    (dict[Decimal, int], dict[A[Decimal, F(max_digits=9)], int]),
    (dict[str, bool], dict[bool, bool]),
    (dict[str, Any], Closed),
]
MODELS: list[tuple[Any, Any]] = [
    (int | str, int),
    (int | str, str),
    (Any, int),
    (Any, A[Any, F(ge=1)]),
    (Any, Closed),
    (Closed, ClosedNarrow),
    (Closed, ClosedWithTwo),
    (Optional, Closed),
    (Open, Closed),
    (Open, OpenWithTwo),
    (Open, OfNumbers),
    (Kept, KeptStrictly),
    (Text, ShortText),
    (Cat | Dog, Cat),
    (Cat | Dog, Dog | NarrowCat),
    (A[Cat | Dog, F(discriminator="kind")], A[NarrowCat | Dog, F(discriminator="kind")]),
    (Tree, NarrowTree),
]
NARROWED = [*NUMBERS, *DECIMALS, *TEXTS, *TIMES, *LISTS, *TABLES, *MODELS]


def one_field(kind: Any, default: Any = ...) -> type[BaseModel]:
    return create_model("Held", __config__=ConfigDict(extra="forbid"), held=(kind, default))


Place = tuple[Callable[[Any], Any], Callable[[Any], Any]]
"""A type with another in it, and what is valid of the one with what is valid of the other."""

PLACES: dict[str, Place] = {
    "a field": (unchanged, unchanged),
    "or null": (lambda kind: kind | None, unchanged),
    "or bytes": (lambda kind: kind | frozenset[bytes], unchanged),
    "list": (lambda kind: list[kind], lambda value: [value]),
    "tuple": (lambda kind: tuple[bool, kind], lambda value: [True, value]),
    "tuple of many": (lambda kind: tuple[kind, ...], lambda value: [value]),
    "table": (lambda kind: dict[str, kind], lambda value: {"a": value}),
    "named table": (lambda kind: dict[Side, kind], lambda value: {"buy": value}),
    "patterned table": (lambda kind: dict[A[str, F(pattern="^a")], kind], lambda v: {"a": v}),
    "model": (one_field, lambda value: {"held": value}),
    "optional field": (lambda kind: one_field(kind | None, None), lambda value: {"held": value}),
    "list of models": (lambda kind: list[one_field(kind)], lambda v: [{"held": v}]),
    "root model": (lambda kind: RootModel[kind], unchanged),
    "after a function": (lambda kind: A[kind, Checked], unchanged),
    "JSON in a text": (lambda kind: Json[list[kind]], lambda value: json.dumps([value])),
}


def payload(kind: Any, *, strict: bool = False) -> type[BaseModel]:
    config = ConfigDict(extra="forbid", strict=strict)
    return create_model("P", __config__=config, a=(kind, ...), b=(int, 0))


def told(old: Mapping[str, Any], new: Mapping[str, Any]) -> frozenset[str]:
    found = differences(old, new)
    assert all(one.path.startswith("a") for one in found)
    return frozenset().union(*(one.breaks for one in found))


@pytest.mark.parametrize("place", PLACES)
def test_a_field_that_takes_less_is_told_wherever_it_stands(place: str) -> None:
    inside, _ = PLACES[place]
    for broad, narrow in NARROWED:
        if place in ("or null", "optional field") and Any in (broad, narrow):
            continue  # to hold null is nothing new for what may be anything
        old, new = (payload_schema(payload(inside(kind))) for kind in (broad, narrow))

        assert told(old, new) >= BACKWARD, (broad, narrow)
        assert told(new, old) >= FORWARD, (narrow, broad)
        assert told(old, old) == told(new, new) == frozenset(), (broad, narrow)


CENTS = A[Decimal, F(max_digits=9, decimal_places=2)]


@pytest.mark.parametrize(
    ("old", "new", "breaks"),
    [
        (float, Decimal, FORWARD),
        (Decimal, float, BACKWARD),
        (Decimal, str, BOTH),
        (CENTS, A[Decimal, F(max_digits=11, decimal_places=4)], FORWARD),
        (CENTS, A[Decimal, F(max_digits=9)], FORWARD),
        (CENTS, A[Decimal, F(decimal_places=2)], FORWARD),
        (CENTS, A[Decimal, F(max_digits=9, decimal_places=4)], BOTH),
        (A[date, F(ge=DAY)], A[date, F(ge=DAY - timedelta(days=1))], FORWARD),
        (A[date, F(gt=DAY)], A[date, F(gt=DAY - timedelta(days=1))], FORWARD),
        (A[date, F(lt=DAY)], A[date, F(lt=DAY - timedelta(days=1))], BACKWARD),
        (A[str, F(pattern="a")], A[str, F(pattern=re.compile("a", re.IGNORECASE))], BOTH),
        (dict[int, int], dict[A[int, F(gt=-1)], int], BACKWARD),
        (dict[int, int], dict[Any, int], BOTH),
        (A[str, F(max_length=9)], A[str, StringConstraints(max_length=9, strip_whitespace=True)],
         NEITHER),
    ],
)  # fmt: skip
def test_what_json_schema_has_no_word_for_breaks_whom_it_may(
    old: Any, new: Any, breaks: frozenset[str]
) -> None:
    assert told(payload_schema(payload(old)), payload_schema(payload(new))) == breaks


def test_what_only_one_of_two_schemas_tells_is_not_compared() -> None:
    told_all = payload_schema(payload(CENTS | dict[int, int]))
    told_less = payload(Decimal | dict[str, int]).model_json_schema()

    assert told(told_all, told_less) == told(told_less, told_all) == NEITHER


BOUNDS = st.none() | st.integers(0, 3)
HALVES = st.none() | st.sampled_from([0, 0.5, 1, 2.5])
SIZES = st.none() | st.integers(0, 2)
FAMILIES = [
    st.one_of(
        st.builds(lambda ge, gt, le: A[int, F(ge=ge, gt=gt, le=le)], BOUNDS, BOUNDS, BOUNDS),
        st.builds(lambda ge, gt, lt: A[float, F(ge=ge, gt=gt, lt=lt)], HALVES, HALVES, HALVES),
        st.builds(lambda ge: A[int | float, F(ge=ge)], BOUNDS),
        st.builds(lambda step: A[int, F(multiple_of=step)], st.integers(1, 4)),
    ),
    st.builds(
        lambda digits, places, ge: A[Decimal, F(max_digits=digits, decimal_places=places, ge=ge)],
        st.none() | st.integers(2, 4), st.none() | st.integers(0, 2), BOUNDS,
    ),
    st.one_of(
        st.builds(lambda low, high: A[str, F(min_length=low, max_length=high)], SIZES, SIZES),
        st.sampled_from([str, Side, OneSide, date, str | date]),
        st.sampled_from([Literal["buy"], Literal["a", "buy"]]),
    ),
    st.one_of(
        st.builds(lambda low, high: A[list[int], F(min_length=low, max_length=high)], SIZES, SIZES),
        st.sampled_from([list[float], set[int], tuple[int, int], tuple[int, ...], tuple[int, str]]),
    ),
    st.one_of(
        st.builds(lambda low: A[dict[str, int], F(min_length=low)], SIZES),
        st.sampled_from([dict[Side, int], dict[OneSide, int], dict[int, int], dict[str, Any]]),
        st.sampled_from([dict[A[str, F(pattern="a")], int], dict[A[str, F(pattern="b")], int]]),
        st.sampled_from([Closed, ClosedNarrow, ClosedWithTwo, Optional, Open, OpenWithTwo]),
        st.sampled_from([OfNumbers, Closed | ClosedWithTwo, Open | Closed]),
    ),
]  # fmt: skip
NUMERALS = ["0", "1.5", "12", "0.25", "12.25", "123", "1234"]
WORDS = ["", "a", "b", "ab", "buy", "sell", "2026-01-15"]
SINGLE = st.sampled_from([0, 1, 2, 3, 4, -1, 0.5, 1.5, 2.5, *NUMERALS, *WORDS])
VALUES = (
    SINGLE
    | st.lists(SINGLE, max_size=3)
    | st.dictionaries(
        st.sampled_from(["a", "b", "ab", "buy", "sell", "1", "0"]), SINGLE, max_size=2
    )
)
ORDINARY_PLACES = [place for name, place in PLACES.items() if name != "root model"]


def admits(model: type[BaseModel], value: Any) -> bool:
    try:
        model.model_validate_json(json.dumps({"a": value}))
    except ValidationError:
        return False
    return True


@settings(max_examples=300, deadline=None)
@given(st.data(), st.sampled_from(FAMILIES), st.sampled_from(ORDINARY_PLACES))
def test_what_one_admits_and_the_other_refuses_was_told(
    data: st.DataObject, family: st.SearchStrategy[Any], place: Place
) -> None:
    inside, around = place
    old, new = (payload(inside(data.draw(family)), strict=True) for _ in range(2))

    breaks = told(payload_schema(old), payload_schema(new))

    for value in data.draw(st.lists(VALUES.map(around), min_size=10, max_size=30)):
        admitted = admits(old, value), admits(new, value)
        assert admitted != (True, False) or "backward" in breaks
        assert admitted != (False, True) or "forward" in breaks
