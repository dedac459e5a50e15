"""What became of a payload's schema, and whom that breaks."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from events.compatibility import BACKWARD, BOTH, FORWARD, NEITHER, broken, differences


class Leg(BaseModel):
    model_config = ConfigDict(extra="forbid")
    price: Decimal


class LegInCents(BaseModel):
    model_config = ConfigDict(extra="forbid")
    price: Decimal
    cents: int


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


CASES: list[tuple[dict[str, Any], dict[str, Any], str, frozenset[str]]] = [
    ({"a": int}, {"a": int, "b": int}, "b", BOTH),
    ({"a": int}, {"a": int, "b": (int, 1)}, "b", FORWARD),
    ({"a": int, "b": int}, {"a": int}, "b", BOTH),
    ({"a": int, "b": (int, 1)}, {"a": int}, "b", BACKWARD),
    ({"a": (int, 1)}, {"a": int}, "a", BACKWARD),
    ({"a": int}, {"a": (int, 1)}, "a", FORWARD),
    ({"a": (int, 1)}, {"a": (int, 2)}, "a", NEITHER),
    ({"a": int}, {"a": str}, "a", BACKWARD),
    ({"a": int}, {"a": float}, "a", FORWARD),
    ({"a": float}, {"a": int}, "a", BACKWARD),
    ({"a": int}, {"a": int | None}, "a", FORWARD),
    ({"a": Literal["x", "y"]}, {"a": Literal["x"]}, "a", BACKWARD),
    ({"a": Literal["x"]}, {"a": Literal["x", "y"]}, "a", FORWARD),
    ({"a": str}, {"a": Literal["x"]}, "a", BACKWARD),
    ({"a": Annotated[int, Field(ge=1)]}, {"a": Annotated[int, Field(ge=2)]}, "a", BACKWARD),
    ({"a": Annotated[int, Field(ge=1)]}, {"a": int}, "a", FORWARD),
    ({"a": Annotated[str, Field(max_length=9)]}, {"a": Annotated[str, Field(max_length=8)]}, "a",
     BACKWARD),
    ({"a": str}, {"a": Annotated[str, Field(pattern="x")]}, "a", BACKWARD),
    ({"a": Annotated[str, Field(pattern="y")]}, {"a": Annotated[str, Field(pattern="x")]}, "a",
     BOTH),
    ({"a": list[int]}, {"a": list[str]}, "a[]", BACKWARD),
    ({"a": list[Leg]}, {"a": list[LegInCents]}, "a[].cents", BOTH),
    ({"a": Decimal}, {"a": Annotated[Decimal, Field(gt=0)]}, "a", BACKWARD),
    ({"a": dict[str, int]}, {"a": dict[str, str]}, "a.*", BACKWARD),
    ({"a": dict[str, int]}, {"a": dict[str, int | str]}, "a.*", FORWARD),
    ({"a": dict[str, Any]}, {"a": dict[str, int]}, "a.*", BACKWARD),
    ({"a": list[Any]}, {"a": list[int]}, "a[]", BACKWARD),
    ({"a": Branch}, {"a": NarrowBranch}, "a.leaves", BACKWARD),
    ({"a": Node}, {"a": NarrowNode}, "a.leaves", BACKWARD),
    ({"a": Branch, "b": Branch}, {"a": Branch, "b": NarrowBranch}, "b.leaves", BACKWARD),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "path", "breaks"), CASES)
def test_a_change_is_told_with_its_field_and_whom_it_breaks(
    old: dict[str, Any], new: dict[str, Any], path: str, breaks: frozenset[str]
) -> None:
    found = differences(schema(**old), schema(**new))

    assert {one.path for one in found} == {path}
    assert frozenset().union(*(one.breaks for one in found)) >= breaks
    assert (breaks == NEITHER) == all(one.breaks == NEITHER for one in found)
    assert all(one.what for one in found)


def test_a_model_that_may_hold_itself_is_like_itself() -> None:
    assert differences(Node.model_json_schema(), Node.model_json_schema()) == ()


def test_opening_and_closing_a_payload_is_a_change() -> None:
    closed, opened = schema(a=int), schema("ignore", a=int)

    assert [one.breaks for one in differences(opened, closed)] == [BACKWARD]
    assert [one.breaks for one in differences(closed, opened)] == [FORWARD]


def test_words_about_a_field_are_no_change() -> None:
    described = schema(a=Annotated[int, Field(title="A", description="so", examples=[1])])

    assert differences(schema(a=int), described) == ()


def test_a_keyword_nobody_knows_breaks_both_when_it_changes() -> None:
    (found,) = differences({"type": "string", "x": 1, "contentEncoding": "base64"}, {
        "type": "string", "x": 1, "contentEncoding": "base32",
    })  # fmt: skip

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


@settings(max_examples=400)
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
