"""What became of a payload's schema, and whom that breaks."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    Json,
    ValidationError,
    create_model,
)

from events.compatibility import BACKWARD, BOTH, FORWARD, NEITHER, broken, differences


class Leg(BaseModel):
    model_config = ConfigDict(extra="forbid")
    price: Decimal


class LegInCents(BaseModel):
    model_config = ConfigDict(extra="forbid")
    price: Decimal
    cents: int


class Side(StrEnum):
    BUY = "buy"
    SELL = "sell"


class OneSide(StrEnum):
    BUY = "buy"


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int


class NarrowCat(BaseModel):
    kind: Literal["cat"]
    lives: Annotated[int, Field(le=9)]


class Dog(BaseModel):
    kind: Literal["dog"]
    lives: int


class Branch(BaseModel):
    """Holds itself."""

    model_config = ConfigDict(extra="forbid")
    leaves: int
    branches: list[Branch] = []


class NarrowBranch(BaseModel):
    model_config = ConfigDict(extra="forbid")
    leaves: Annotated[int, Field(ge=1)]
    branches: list[NarrowBranch] = []


class Node(BaseModel):
    """Holds itself, perhaps."""

    model_config = ConfigDict(extra="forbid")
    leaves: int
    following: Annotated[Node, Field(description="The next one.")] | None = None


class NarrowNode(BaseModel):
    model_config = ConfigDict(extra="forbid")
    leaves: Annotated[int, Field(ge=1)]
    following: NarrowNode | None = None


def schema(extra: Any = "forbid", **fields: Any) -> dict[str, Any]:
    """The schema of a payload with these fields; one given alone is required."""
    given = {
        name: field if isinstance(field, tuple) else (field, ...) for name, field in fields.items()
    }
    return create_model("P", __config__=ConfigDict(extra=extra), **given).model_json_schema()


BETWEEN = Annotated[int | float, Field(ge=1, le=9)]
SLIGHTLY_BETWEEN = Annotated[int | float, Field(ge=1, le=8)]
NAMED = Annotated[str, Field(pattern="^n")]
Keyed = dict[NAMED, Leg]
KeyedInCents = dict[NAMED, LegInCents]

CASES: list[tuple[dict[str, Any], dict[str, Any], str, frozenset[str]]] = [
    ({"a": int}, {"a": int, "b": int}, "b", BOTH),
    ({"a": int}, {"a": int, "b": (int, 1)}, "b", FORWARD),
    ({"a": int, "b": int}, {"a": int}, "b", BOTH),
    ({"a": int, "b": (int, 1)}, {"a": int}, "b", BACKWARD),
    ({"a": (int, 1)}, {"a": int}, "a", BACKWARD),
    ({"a": int}, {"a": (int, 1)}, "a", FORWARD),
    ({"a": (int, 1)}, {"a": (int, 2)}, "a", NEITHER),
    ({"a": int}, {"a": str}, "a", BOTH),
    ({"a": int}, {"a": float}, "a", FORWARD),
    ({"a": float}, {"a": int}, "a", BACKWARD),
    ({"a": int}, {"a": int | None}, "a", FORWARD),
    ({"a": int}, {"a": Any}, "a", FORWARD),
    ({"a": Any}, {"a": int}, "a", BACKWARD),
    ({"a": int | str}, {"a": str | int}, "", NEITHER),
    ({"a": Literal["x", "y"]}, {"a": Literal["x"]}, "a", BACKWARD),
    ({"a": Literal["x"]}, {"a": Literal["x", "y"]}, "a", FORWARD),
    ({"a": str}, {"a": Literal["x"]}, "a", BACKWARD),
    ({"a": Literal["x"]}, {"a": str}, "a", FORWARD),
    ({"a": bool}, {"a": Literal[True]}, "a", BACKWARD),
    ({"a": Literal[1, "x"]}, {"a": Literal[1, True, "x"]}, "a", FORWARD),
    ({"a": Annotated[str, Field(max_length=9)]}, {"a": Annotated[str, Field(max_length=8)]}, "a",
     BACKWARD),
    ({"a": Annotated[str, Field(min_length=1)]}, {"a": Annotated[str, Field(min_length=2)]}, "a",
     BACKWARD),
    ({"a": str}, {"a": Annotated[str, Field(pattern="x")]}, "a", BACKWARD),
    ({"a": Annotated[str, Field(pattern="y")]}, {"a": Annotated[str, Field(pattern="x")]}, "a",
     BOTH),
    ({"a": Decimal}, {"a": Annotated[Decimal, Field(gt=0)]}, "a", BACKWARD),
    ({"a": list[int]}, {"a": list[str]}, "a[]", BOTH),
    ({"a": list[Any]}, {"a": list[int]}, "a[]", BACKWARD),
    ({"a": list[int]}, {"a": set[int]}, "a", BACKWARD),
    ({"a": Annotated[list[int], Field(min_length=1)]},
     {"a": Annotated[list[int], Field(min_length=2)]}, "a", BACKWARD),
    ({"a": Annotated[list[int], Field(max_length=9)]},
     {"a": Annotated[list[int], Field(max_length=8)]}, "a", BACKWARD),
    ({"a": set[int]}, {"a": list[int]}, "a", FORWARD),
    ({"a": list[Leg]}, {"a": list[LegInCents]}, "a[].cents", BOTH),
    # What a member of a list of fixed length may be.
    ({"a": tuple[int, Leg]}, {"a": tuple[int, LegInCents]}, "a[1].cents", BOTH),
    ({"a": tuple[int, int, Leg]}, {"a": tuple[int, int, LegInCents]}, "a[2].cents", BOTH),
    ({"a": tuple[Leg, ...]}, {"a": tuple[LegInCents, ...]}, "a[].cents", BOTH),
    ({"a": tuple[int, int]}, {"a": tuple[int, str]}, "a[1]", BOTH),
    ({"a": tuple[int, int]}, {"a": list[int]}, "a", FORWARD),
    ({"a": list[int]}, {"a": tuple[int, int]}, "a", BACKWARD),
    # Tables, with what their keys may be.
    ({"a": dict[str, int]}, {"a": dict[str, str]}, "a.*", BOTH),
    ({"a": dict[str, int]}, {"a": dict[str, int | str]}, "a.*", FORWARD),
    ({"a": dict[str, Any]}, {"a": dict[str, int]}, "a.*", BACKWARD),
    ({"a": dict[Side, Leg]}, {"a": dict[Side, LegInCents]}, "a.*.cents", BOTH),
    ({"a": dict[Side, Leg]}, {"a": dict[OneSide, Leg]}, "a", BACKWARD),
    ({"a": dict[str, Leg]}, {"a": dict[Side, Leg]}, "a", BACKWARD),
    ({"a": Keyed}, {"a": KeyedInCents}, "a.*.cents", BOTH),
    ({"a": dict[str, Leg]}, {"a": Keyed}, "a", BACKWARD),
    ({"a": Keyed}, {"a": dict[str, Leg]}, "a", FORWARD),
    ({"a": Keyed}, {"a": dict[Annotated[str, Field(pattern="^m")], Leg]}, "a", BOTH),
    ({"a": dict[str, int]}, {"a": Annotated[dict[str, int], Field(min_length=1)]}, "a", BACKWARD),
    ({"a": Annotated[dict[str, int], Field(min_length=2)]},
     {"a": Annotated[dict[str, int], Field(min_length=1)]}, "a", FORWARD),
    ({"a": dict[str, int]}, {"a": Annotated[dict[str, int], Field(max_length=9)]}, "a", BACKWARD),
    ({"a": Annotated[dict[str, int], Field(max_length=9)]},
     {"a": Annotated[dict[str, int], Field(max_length=8)]}, "a", BACKWARD),
    # Bounds that stand beside what they are about.
    ({"a": BETWEEN}, {"a": SLIGHTLY_BETWEEN}, "a", BACKWARD),
    ({"a": SLIGHTLY_BETWEEN}, {"a": BETWEEN}, "a", FORWARD),
    ({"a": int | float}, {"a": BETWEEN}, "a", BACKWARD),
    ({"a": BETWEEN | None}, {"a": SLIGHTLY_BETWEEN | None}, "a", BACKWARD),
    ({"a": Annotated[int | float, Field(gt=1, lt=9)]},
     {"a": Annotated[int | float, Field(gt=1, lt=8)]}, "a", BACKWARD),
    ({"a": Annotated[int | float, Field(gt=1, lt=9)]},
     {"a": Annotated[int | float, Field(gt=2, lt=9)]}, "a", BACKWARD),
    ({"a": Annotated[int | float, Field(multiple_of=4)]},
     {"a": Annotated[int | float, Field(multiple_of=2)]}, "a", FORWARD),
    ({"a": Annotated[Decimal, AfterValidator(abs), Field(max_digits=9)]},
     {"a": Annotated[Decimal, AfterValidator(abs), Field(max_digits=8)]}, "a", BACKWARD),
    ({"a": Annotated[Decimal, AfterValidator(abs), Field(decimal_places=2)]},
     {"a": Annotated[Decimal, AfterValidator(abs), Field(decimal_places=4)]}, "a", FORWARD),
    ({"a": str | list[str]}, {"a": Annotated[str | list[str], Field(max_length=2)]}, "a", BACKWARD),
    ({"a": Side}, {"a": Annotated[Side, Field(min_length=1)]}, "a", BACKWARD),
    # Whole numbers that become others, and back.
    ({"a": Annotated[int, Field(ge=1)]}, {"a": Annotated[int, Field(ge=2)]}, "a", BACKWARD),
    ({"a": Annotated[int, Field(ge=1)]}, {"a": int}, "a", FORWARD),
    ({"a": Annotated[int, Field(gt=0)]}, {"a": Annotated[int, Field(ge=1)]}, "", NEITHER),
    ({"a": Annotated[float, Field(ge=0)]}, {"a": Annotated[float, Field(gt=0)]}, "a", BACKWARD),
    ({"a": Annotated[float, Field(le=9)]}, {"a": Annotated[float, Field(lt=9)]}, "a", BACKWARD),
    ({"a": Annotated[int, Field(ge=1)]}, {"a": Annotated[float, Field(ge=1)]}, "a", FORWARD),
    ({"a": Annotated[int, Field(gt=0)]}, {"a": Annotated[float, Field(ge=1)]}, "a", FORWARD),
    ({"a": int}, {"a": Annotated[float, Field(ge=1)]}, "a", BOTH),
    ({"a": Annotated[int, Field(le=9)]}, {"a": Annotated[float, Field(lt=9)]}, "a", BOTH),
    ({"a": Annotated[float, Field(ge=1)]}, {"a": Annotated[int, Field(ge=2)]}, "a", BACKWARD),
    ({"a": Annotated[float, Field(ge=2)]}, {"a": Annotated[int, Field(ge=1)]}, "a", BOTH),
    ({"a": Annotated[int, Field(ge=1)] | float}, {"a": float}, "", NEITHER),
    ({"a": float}, {"a": int | float}, "", NEITHER),
    ({"a": Annotated[int, Field(multiple_of=4)]}, {"a": Annotated[int, Field(multiple_of=2)]}, "a",
     FORWARD),
    ({"a": Annotated[int, Field(multiple_of=2)]}, {"a": Annotated[int, Field(multiple_of=3)]}, "a",
     BOTH),
    ({"a": Annotated[Any, Field(ge=1)]}, {"a": Annotated[int, Field(ge=1)]}, "a", BACKWARD),
    ({"a": Annotated[int, Field(ge=1)]}, {"a": Annotated[Any, Field(ge=1)]}, "a", FORWARD),
    # Models of which one is meant, in whatever order, and models that hold themselves.
    ({"a": Leg | LegInCents}, {"a": LegInCents | Leg}, "", NEITHER),
    ({"a": list[int] | list[str]}, {"a": list[str] | list[int]}, "", NEITHER),
    ({"a": Leg | LegInCents}, {"a": LegInCents}, "a", BACKWARD),
    ({"a": Leg}, {"a": Leg | LegInCents}, "a", FORWARD),
    ({"a": Cat | Dog}, {"a": Dog | NarrowCat}, "a.lives", BACKWARD),
    ({"a": Annotated[Cat | Dog, Field(discriminator="kind")]},
     {"a": Annotated[Dog | NarrowCat, Field(discriminator="kind")]}, "a.lives", BACKWARD),
    ({"a": Branch}, {"a": NarrowBranch}, "a.leaves", BACKWARD),
    ({"a": Node}, {"a": NarrowNode}, "a.leaves", BACKWARD),
    ({"a": Branch, "b": Branch}, {"a": Branch, "b": NarrowBranch}, "b.leaves", BACKWARD),
    ({"a": Json[Leg]}, {"a": Json[LegInCents]}, "a.cents", BOTH),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "path", "breaks"), CASES)
def test_a_change_is_told_with_its_field_and_whom_it_breaks(
    old: dict[str, Any], new: dict[str, Any], path: str, breaks: frozenset[str]
) -> None:
    found = differences(schema(**old), schema(**new))

    assert {one.path for one in found} == ({path} if path else set())
    assert frozenset().union(*(one.breaks for one in found)) == breaks
    assert all(one.what for one in found)


def of_kind(name: str, kind: str, most: int) -> Any:
    lives = Annotated[int, Field(le=most)]
    return create_model(name, kind=(Literal[kind], ...), lives=(lives, ...))


def test_models_of_a_union_are_told_apart_by_the_field_that_can_have_one_value_only() -> None:
    before = of_kind("First", "cat", 9) | of_kind("Second", "dog", 5)
    after = of_kind("First", "dog", 5) | of_kind("Second", "cat", 8)

    (found,) = differences(schema(a=before), schema(a=after))

    assert (found.path, found.what) == ("a.lives", "is at most 8, it was at most 9")


def test_models_of_a_union_are_told_apart_by_their_names_where_nothing_else_does() -> None:
    def model(name: str, most: int) -> Any:
        return create_model(name, lives=(Annotated[int, Field(le=most)], ...))

    before, after = model("Cat", 9) | model("Dog", 7), model("Dog", 6) | model("Cat", 8)

    found = differences(schema(a=before), schema(a=after))

    assert [one.what for one in found] == [
        "is at most 8, it was at most 9",
        "is at most 6, it was at most 7",
    ]


def test_a_model_that_is_no_longer_one_of_several_is_named() -> None:
    (found,) = differences(schema(a=Cat | Dog), schema(a=Dog))

    assert found.what == "may no longer be object Cat"


def raw(admitted: Any) -> dict[str, Any]:
    """A payload with a field of this schema."""
    return {"type": "object", "properties": {"a": admitted}}


WHOLE = {"type": "integer"}
TO_NINE = {"type": "integer", "maximum": 9}


@pytest.mark.parametrize(
    ("was", "now", "told"),
    [
        ({"type": ["integer", "string"]}, {"type": "string"}, ["a: may no longer be integer"]),
        (True, {"type": ["integer", "null"]}, ["a: must be integer or null, it could be anything"]),
        (False, True, ["a: may be anything, it was nothing"]),
        (False, {"type": "string"}, ["a: may also be string"]),
        ({"type": "object"}, {"type": "object", "additionalProperties": {"type": "integer"}},
         ["a.*: must be integer, it could be anything"]),
        ({"type": "object"}, {"type": "object", "required": ["b"]},
         ["a.b: is required, it was optional"]),
        ({"type": "array", "prefixItems": [True, {"type": "string"}]},
         {"type": "array", "prefixItems": [{"type": "string"}, {"type": "string"}], "items": True},
         ["a[0]: must be string, it could be anything"]),
        ({"type": "object", "properties": {"b": WHOLE}, "additionalProperties": False},
         {"type": "object", "properties": {"c": WHOLE}, "additionalProperties": False},
         ["a.b: was removed", "a.c: was added"]),
        ({"type": "object", "properties": {"b": WHOLE}},
         {"type": "object", "properties": {"c": WHOLE}, "required": ["c"]},
         ["a.b: was removed", "a.c: was added, and is required"]),
        ({"type": "object", "properties": {"b": WHOLE, "c": WHOLE}},
         {"type": "object", "properties": {"b": TO_NINE, "c": TO_NINE}},
         ["a.b: is at most 9, it was not bounded above",
          "a.c: is at most 9, it was not bounded above"]),
        ({"anyOf": [{"const": "x"}, {"type": "string"}]},
         {"anyOf": [{"const": "y"}, {"type": "string"}]}, []),
        ({"type": "integer"}, {"type": "number"}, ["a: may be any number, it was an integer"]),
        ({"type": "number"}, {"type": "integer"}, ["a: must be an integer, it was any number"]),
        ({"type": "integer", "minimum": "soon"}, {"type": "integer", "minimum": "soon"}, []),
        ({"type": "integer", "minimum": float("inf")}, {"type": "integer", "minimum": 1},
         ["a: is at least 1, it was at least Infinity"]),
        ({"minimum": 1, "exclusiveMinimum": "2026-01-15"}, {"minimum": 1}, []),
        ({"type": "integer", "minimum": 1}, {"minimum": 1}, ["a: is of any kind, it was integer"]),
        ({"type": "number", "minimum": 1}, {"minimum": 1}, ["a: is of any kind, it was number"]),
        ({"minimum": 1}, {"type": "integer", "minimum": 1},
         ["a: must be integer, it was of any kind"]),
        ({"minimum": 1}, {"type": "number", "minimum": 1},
         ["a: must be number, it was of any kind"]),
        ({"type": "number"}, {"type": "number", "maximum": 1e25},
         ["a: is at most 10000000000000000000000000, it was not bounded above"]),
        ({"type": "string"}, {"type": "string", "maxLength": 9},
         ["a: maxLength is 9, it was not limited"]),
        ({"type": "integer"}, {"type": "integer", "multipleOf": 2},
         ["a: is a multiple of 2, it was of anything"]),
        ({"type": "string", "pattern": "x"}, {"type": "string"},
         ["a: pattern is not limited, it was x"]),
        ({"type": "integer", "minimum": 0.5}, {"type": "integer", "minimum": 1}, []),
        ({"type": "integer", "maximum": 8.5}, {"type": "integer", "maximum": 8}, []),
        ({"type": "integer", "exclusiveMinimum": 0.5}, {"type": "integer", "minimum": 1}, []),
        ({"type": "integer", "exclusiveMaximum": 9}, {"type": "integer", "maximum": 8}, []),
        ({"enum": ["x", None]}, {"enum": ["x"]}, ["a: may no longer be null"]),
        ({"allOf": [{"minLength": 2}, {"type": "string", "minLength": 3}]},
         {"type": "string", "allOf": [{"minLength": 4}], "minLength": 1},
         ["a: minLength is 4, it was 3"]),
        ({"allOf": [{"maxLength": 2}, {"type": "string", "maxLength": 3}]},
         {"type": "string", "maxLength": 3}, ["a: maxLength is 3, it was 2"]),
        ({"allOf": [{"minimum": 2}, {"type": "integer", "minimum": 3}]},
         {"type": "integer", "minimum": 2}, ["a: is at least 2, it was at least 3"]),
        ({"allOf": [{"type": "number"}, {"type": "integer"}]}, {"type": "integer"}, []),
        ({"allOf": [{"enum": ["x", "y"]}, {"enum": ["z", "y"]}]}, {"const": "y"}, []),
        ({"allOf": [{"pattern": "x"}, {"type": "string", "pattern": "y"}]},
         {"type": "string", "pattern": "y"}, ["a: pattern is y, it was x and y"]),
        ({"allOf": [{"type": "array", "uniqueItems": True}, {"uniqueItems": False}]},
         {"type": "array"}, ["a: may hold the same twice"]),
        ({"allOf": [{"type": "object", "required": ["b"]}, {"required": ["c"]}]},
         {"type": "object"}, ["a.b: is optional now", "a.c: is optional now"]),
        ({"type": "object", "properties": {"b": {"type": "integer"}},
          "allOf": [{"properties": {"b": {"minimum": 1}, "c": {"type": "string"}}}]},
         {"type": "object", "properties": {"b": {"type": "integer"}, "c": {"type": "string"}}},
         ["a.b: is not bounded below, it was at least 1"]),
        ({"type": "array", "items": {"type": "integer"}, "allOf": [{"items": {"minimum": 1}}]},
         {"type": "array", "items": {"type": "integer"}},
         ["a[]: is not bounded below, it was at least 1"]),
        ({"type": "array", "prefixItems": [{"type": "integer"}],
          "allOf": [{"prefixItems": [{"minimum": 1}, {"type": "string"}]}]},
         {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}]},
         ["a[0]: is not bounded below, it was at least 1"]),
        ({"type": "number", "minimum": 2, "exclusiveMinimum": 1}, {"type": "number", "minimum": 2},
         []),
        ({"type": "number", "minimum": 1, "exclusiveMinimum": 1}, {"type": "number", "minimum": 1},
         ["a: is at least 1, it was more than 1"]),
        ({"type": "number", "maximum": 1, "exclusiveMaximum": 2}, {"type": "number", "maximum": 1},
         []),
        ({"type": "number", "maximum": 1, "exclusiveMaximum": 1}, {"type": "number", "maximum": 1},
         ["a: is at most 1, it was less than 1"]),
        ({"type": "number", "minimum": "soon"}, {"type": "number", "minimum": 1},
         ["a: is at least 1, it was at least soon"]),
        ({"type": "integer", "multipleOf": 6}, {"type": "integer", "multipleOf": 4},
         ["a: is a multiple of 4, it was of 6"]),
        ({"type": "integer", "allOf": [{"multipleOf": 4}, {"multipleOf": 3}]},
         {"type": "integer", "multipleOf": 3}, ["a: is a multiple of 3, it was of 4 and 3"]),
    ],
)  # fmt: skip
def test_what_pydantic_seldom_writes_is_understood(was: Any, now: Any, told: list[str]) -> None:
    found = differences(raw(was), raw(now))

    assert [f"{one.path}: {one.what}" for one in found] == told


@pytest.mark.parametrize(
    ("was", "now"), [("soon", 1), (1, "soon"), ("soon", "later"), ("2026-01-15", 1), ("08:00", 1)]
)
def test_of_bounds_that_cannot_be_compared_nobody_can_say_which_is_more(was: Any, now: Any) -> None:
    (found,) = differences(raw({"minimum": was}), raw({"minimum": now}))

    assert found.breaks == BOTH


@pytest.mark.parametrize("held", [Branch, Node, Leg | LegInCents, Keyed, tuple[Leg, Branch]])
def test_what_has_not_changed_differs_in_nothing(held: Any) -> None:
    assert differences(schema(a=held, b=held), schema(a=held, b=held)) == ()


def test_each_field_that_holds_a_changed_model_is_named() -> None:
    found = differences(schema(a=Branch, b=Branch), schema(a=NarrowBranch, b=NarrowBranch))

    assert [one.path for one in found] == ["a.leaves", "b.leaves"]


def test_a_payload_that_holds_itself_is_compared() -> None:
    found = differences(Node.model_json_schema(), NarrowNode.model_json_schema())

    assert [(one.path, one.breaks) for one in found] == [("leaves", BACKWARD)]


def test_many_models_that_hold_each_other_are_compared_in_little_time() -> None:
    """Each order in which one comes to them would take more than three million steps."""
    names = [f"Term{number}" for number in range(10)]
    term = {"anyOf": [{"$ref": f"#/$defs/{name}"} for name in names]}
    of_terms = {"type": "object", "properties": {"left": term, "right": term}}
    terms = {"$defs": dict.fromkeys(names, of_terms), "type": "object", "properties": {"a": term}}

    assert differences(terms, terms) == ()


def test_what_holds_itself_without_anything_between_admits_what_else_it_may_be() -> None:
    def loop(*kinds: str) -> dict[str, Any]:
        options = [{"$ref": "#/$defs/Loop"}, *({"type": kind} for kind in kinds)]
        return {"$defs": {"Loop": {"anyOf": options}}, "properties": {"a": options[0]}}

    (found,) = differences(loop("null", "string"), loop("null"))

    assert (found.path, found.what) == ("a", "may no longer be string")


def test_a_field_that_became_one_of_a_table_is_held_against_what_the_table_admits() -> None:
    extended = {"type": "object", "additionalProperties": {"type": "integer"}}
    declared = {**extended, "properties": {"a": {"type": "string"}}}

    removed, added = differences(declared, extended), differences(extended, declared)

    assert ("a", "may no longer be string", BACKWARD) in {
        (one.path, one.what, one.breaks) for one in removed
    }
    assert ("a", "may no longer be integer", BACKWARD) in {
        (one.path, one.what, one.breaks) for one in added
    }


def test_opening_and_closing_a_payload_is_a_change() -> None:
    closed, opened = schema(a=int), schema("ignore", a=int)

    assert [one.breaks for one in differences(opened, closed)] == [BACKWARD]
    assert [one.breaks for one in differences(closed, opened)] == [FORWARD]


def test_a_payload_that_passes_over_what_nobody_declared_gains_and_loses_optional_fields() -> None:
    less, more = schema("ignore", a=int), schema("ignore", a=int, b=(int, 1))

    assert [one.breaks for one in differences(less, more)] == [NEITHER]
    assert [one.breaks for one in differences(more, less)] == [NEITHER]


def test_words_about_a_field_are_no_change() -> None:
    described = schema(a=Annotated[int, Field(title="A", description="so", examples=[1])])
    remarks = dict.fromkeys(
        ("$schema", "$id", "$comment", "readOnly", "writeOnly", "deprecated", "title"), "so"
    )

    assert differences(schema(a=int), described) == ()
    assert differences(raw({"type": "integer"}), raw({"type": "integer", **remarks})) == ()


@pytest.mark.parametrize(
    ("was", "now", "breaks"),
    [
        ({}, {"not": {"const": 1}}, BACKWARD),
        ({"not": {"const": 1}}, {}, FORWARD),
        ({"not": {"const": 1}}, {"not": {"const": 2}}, BOTH),
        ({"not": {"const": 1, "title": "One"}}, {"not": {"const": 1}}, NEITHER),
        ({"x-unit": "s"}, {"x-unit": "ms"}, NEITHER),
        # It stands twice, and both are asked for.
        ({"not": {"const": 1}}, {"not": {"const": 1}, "allOf": [{"not": {"const": 2}}]}, BACKWARD),
    ],
)
def test_a_keyword_nobody_knows_breaks_whom_its_coming_and_going_may_break(
    was: dict[str, Any], now: dict[str, Any], breaks: frozenset[str]
) -> None:
    found = differences({"type": "integer", **was}, {"type": "integer", **now})

    assert frozenset().union(*(one.breaks for one in found)) == breaks


def test_what_a_keyword_nobody_knows_refers_to_is_looked_at() -> None:
    def refusing(title: str, **remarks: str) -> dict[str, Any]:
        fields = {"title": {"type": title}, "below": {"$ref": "#/$defs/Refused"}}
        refused = {**remarks, "properties": fields}
        return {"$defs": {"Refused": refused}, "not": {"anyOf": [{"$ref": "#/$defs/Refused"}]}}

    assert differences(refusing("string"), refusing("string", description="so")) == ()
    (found,) = differences(refusing("string"), refusing("integer"))
    assert found.breaks == BOTH


@pytest.mark.parametrize(
    ("promised", "fields"),
    [("none", ""), ("backward", "bc"), ("forward", "ac"), ("full", "abc")],
)
def test_a_promise_says_which_differences_matter(promised: str, fields: str) -> None:
    found = differences(schema(a=int, b=(int, 1)), schema(a=(int, 1), b=int, c=int))

    assert [one.path for one in found if broken(one, promised)] == list(fields)


BOUNDS = st.none() | st.integers(0, 3)
KINDS = st.one_of(
    st.builds(lambda low, high: Annotated[int, Field(ge=low, le=high)], BOUNDS, BOUNDS),
    st.builds(lambda low: Annotated[str, Field(min_length=low)], BOUNDS),
    st.sampled_from(
        [str | None, int | None, bool, list[int], list[Any], Literal["x"], Literal["x", "yy"]]
    ),
    st.sampled_from([dict[str, int], dict[str, str], dict[str, Any], dict[str, int | None]]),
)
FIELDS = st.dictionaries(
    st.sampled_from("ab"), st.tuples(KINDS, st.booleans()), min_size=1, max_size=2
)
VALUES = st.sampled_from(
    [None, 0, 1, 2, 5, True, "", "x", "yy", "long", [], [1], ["x"], {}, {"k": 1}, {"k": "x"}]
)
PAYLOADS = st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3)


def model(fields: dict[str, tuple[Any, bool]]) -> type[BaseModel]:
    given: dict[str, Any] = {
        name: (kind, ...) if required else (kind, None) for name, (kind, required) in fields.items()
    }
    return create_model("P", __config__=ConfigDict(extra="forbid", strict=True), **given)


def admits(payload_model: type[BaseModel], payload: dict[str, Any]) -> bool:
    try:
        payload_model.model_validate(payload)
    except ValidationError:
        return False
    return True


@settings(max_examples=400, deadline=None)
@given(FIELDS, FIELDS, st.lists(PAYLOADS, min_size=5, max_size=20))
def test_what_one_admits_and_the_other_refuses_was_told(
    before: dict[str, Any], after: dict[str, Any], payloads: list[dict[str, Any]]
) -> None:
    old, new = model(before), model(after)

    found = differences(old.model_json_schema(), new.model_json_schema())

    told = frozenset().union(*(one.breaks for one in found))
    for payload in payloads:
        if admits(old, payload) and not admits(new, payload):
            assert "backward" in told
        if admits(new, payload) and not admits(old, payload):
            assert "forward" in told
