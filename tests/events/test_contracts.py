"""The registry as a document, and what of it a later registry breaks."""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter
from typing import Annotated, Any

import jsonschema
import pytest

from events import PERSONAL, Payload
from events.compatibility import BACKWARD, BOTH, FORWARD, NEITHER
from events.contracts import (
    apps_of,
    check,
    compared,
    document,
    is_older,
    missing_from,
    read,
    schema_of,
)
from events.errors import ConfigurationError
from events.registry import EventType, registry

TRADE = "Trading.TradeExecuted.v1"
USER = "User.UserRegistered.v1"


def before() -> dict[str, dict[str, Any]]:
    """The document of now, as one of before that a test may change."""
    versions: dict[str, dict[str, Any]] = document()["$defs"]
    return versions


def broken_in(old: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, str, str]]:
    return [(one.type, one.difference.path, one.promised) for one in check(old) if one.breaking]


def test_the_document_has_every_version_and_is_a_json_schema() -> None:
    versions = before()

    assert list(versions) == [entry.label for entry in registry.all()]
    jsonschema.Draft202012Validator.check_schema(document())
    assert versions[USER]["x-personal"] == ["email"]
    assert versions[TRADE]["x-aliases"] == ["Trading.Trade.Executed"]


@pytest.mark.parametrize("entry", registry.all(), ids=attrgetter("label"))
def test_every_example_is_valid_by_the_schema_that_is_exported(entry: Any) -> None:
    jsonschema.validate(dict(entry.example), schema_of(entry))


def test_what_has_not_changed_breaks_nothing() -> None:
    assert check(before()) == ()
    assert missing_from(before()) == ()


def test_a_version_that_is_gone_is_named() -> None:
    old = before()
    old["Parcel.Shipped.v1"] = old[TRADE]

    assert broken_in(old) == [("Parcel.Shipped v1", "", "names")]


def test_a_field_that_old_events_carry_and_nobody_reads_any_more_is_named() -> None:
    old = before()
    old[TRADE]["properties"]["fee"] = {"type": "string"}

    assert broken_in(old) == [("Trading.TradeExecuted v1", "fee", "backward")]


def test_what_breaks_readers_of_before_matters_where_it_is_promised() -> None:
    old = before()
    del old[TRADE]["properties"]["currency"]

    assert broken_in(old) == []
    assert [one.difference.path for one in check(old)] == ["currency"]
    old[TRADE]["x-compatibility"] = "full"
    assert ("Trading.TradeExecuted v1", "currency", "full") in broken_in(old)


def test_an_entity_an_alias_or_a_mark_that_is_gone_breaks() -> None:
    old = before()
    old[TRADE]["x-entity"] = "trade_id"
    old[TRADE]["x-aliases"] = [*old[TRADE]["x-aliases"], "trade"]
    old[USER]["x-secret"] = ["username"]

    assert broken_in(old) == [
        ("Trading.TradeExecuted v1", "user_id", "names"),
        ("Trading.TradeExecuted v1", "", "names"),
        ("User.UserRegistered v1", "username", "marks"),
    ]


@pytest.mark.parametrize(
    ("was", "now", "lost"),
    [
        ("full", "backward", FORWARD),
        ("full", "none", BOTH),
        ("backward", "none", BACKWARD),
        ("backward", "forward", BACKWARD),
        ("backward", "full", NEITHER),
        ("none", "backward", NEITHER),
    ],
)
def test_less_compatibility_than_was_promised_breaks_and_more_does_not(
    was: str, now: str, lost: frozenset[str]
) -> None:
    old, new = before(), before()
    old[TRADE]["x-compatibility"], new[TRADE]["x-compatibility"] = was, now

    (found,) = compared(old, new)

    assert (found.type, found.promised) == ("Trading.TradeExecuted v1", "promise")
    assert (found.breaking, found.difference.breaks) == (bool(lost), lost)
    assert found.difference.what == f"promises {now} now, it was {was}"


@pytest.mark.parametrize(
    ("was", "now", "breaking"),
    [
        (365, 30, True),
        (365, None, True),
        (0, 365, True),
        (0, None, True),
        (30, 365, False),
        (30, 0, False),
        (None, 30, False),
        (None, 0, False),
    ],
)
def test_events_that_are_kept_for_less_time_than_promised_break_and_longer_ones_do_not(
    was: int | None, now: int | None, breaking: bool
) -> None:
    old, new = before(), before()
    old[TRADE]["x-retention-days"], new[TRADE]["x-retention-days"] = was, now

    (found,) = compared(old, new)

    assert (found.breaking, found.promised) == (breaking, "retention")
    assert "its events are kept" in found.difference.what


def test_how_long_events_are_kept_is_told_in_words() -> None:
    old, new = before(), before()
    old[TRADE]["x-retention-days"], new[TRADE]["x-retention-days"] = 0, None
    old[USER]["x-retention-days"], new[USER]["x-retention-days"] = 365, 30

    assert sorted(one.difference.what for one in compared(old, new)) == [
        "its events are kept as long as the settings say, it was for ever",
        "its events are kept for 30 days, it was for 365 days",
    ]


class Parcel(Payload):
    """A parcel, in which another may be."""

    parcel_id: str
    street: Annotated[str, PERSONAL] = ""
    inside: Annotated[Parcel | None, PERSONAL] = None


def sent(payload: type[Payload] = Parcel) -> EventType:
    return EventType(
        name="Parcel.Sent", version=1, title="Sent", description="A parcel was sent.",
        owner="parcels", entity_field="parcel_id", aliases=(), example={"parcel_id": "p-1"},
        retention_days=None, since="0.1", payload=payload,
    )  # fmt: skip


def test_a_mark_that_is_gone_from_a_payload_that_holds_itself_breaks() -> None:
    old, new = schema_of(sent()), schema_of(sent())
    new["x-personal"] = ["inside"]

    (found,) = compared({"Parcel.Sent.v1": old}, {"Parcel.Sent.v1": new})

    assert (found.difference.path, found.breaking, found.promised) == ("street", True, "marks")


def test_a_field_that_was_removed_needs_no_mark() -> None:
    old, new = before(), before()
    del new[USER]["properties"]["email"]
    new[USER]["x-personal"] = []

    assert {one.promised for one in compared(old, new)} == {"backward"}


def test_the_digits_of_amounts_are_told_and_held_against_what_was() -> None:
    old = before()
    old[TRADE]["properties"]["value"]["x-max-digits"] = 25

    told = [one.difference.what for one in check(old) if one.breaking]

    assert told == ["max digits is 24, it was 25", "digits before the point is 16, it was 17"]


def without_ours(schema: Any) -> Any:
    """A schema as it was written before it told more than JSON Schema has words for."""
    if isinstance(schema, dict):
        ours = (
            "x-max",
            "x-decimal",
            "x-ge",
            "x-gt",
            "x-le",
            "x-lt",
            "x-edition",
            "x-app",
            "x-keys",
        )
        return {k: without_ours(v) for k, v in schema.items() if not k.startswith(ours)}
    return [without_ours(one) for one in schema] if isinstance(schema, list) else schema


def test_a_document_of_before_digits_were_told_says_nothing_about_them() -> None:
    old = without_ours(before())

    assert check(old) == ()
    assert (is_older(old), is_older(before())) == (True, False)
    assert apps_of(old) == ()
    assert len(missing_from(old)) == len(old)


def test_the_apps_that_declare_types_are_told() -> None:
    found = apps_of(before())

    assert "events.domains.trading" in found
    assert list(found) == sorted(set(found))


def test_a_type_of_an_app_that_is_not_loaded_is_told_from_one_that_was_removed() -> None:
    old, new = before(), before()
    del new[TRADE]
    old["Parcel.Sent.v1"] = {**old[USER], "x-app": "parcel"}

    assert sorted(one.difference.what for one in compared(old, new)) == [
        "is not registered any more, as nothing of parcel is: is it among the APPS?",
        "is not registered any more; its events are still kept",
    ]


def test_an_example_that_a_validator_in_python_refuses_breaks() -> None:
    old = before()
    first = old["Financial.PaymentCompleted.v1"]
    without_plan = {k: v for k, v in first["examples"][0].items() if k != "plan"}
    first["examples"] = [without_plan]

    assert broken_in(old) == [("Financial.PaymentCompleted v1", "plan", "example")]


def test_what_is_new_breaks_nothing_and_is_told_as_missing() -> None:
    old = before()
    del old[TRADE]

    assert check(old) == ()
    assert missing_from(old) == ("Trading.TradeExecuted v1",)


ODD: list[dict[str, Any]] = [
    {},
    {"x-entity": "a", "x-compatibility": "somewhat"},
    {"x-entity": "a", "x-edition": 99},
    {"x-entity": "a", "x-edition": "first"},
    {"x-entity": "a", "x-retention-days": "long"},
]


@pytest.mark.parametrize(
    "raw",
    [None, [], {}, {"$defs": []}, {"$defs": {"a": 1}}, "text", *({"$defs": {"a": o}} for o in ODD)],
)
def test_what_is_no_document_of_event_types_is_refused(raw: Any) -> None:
    with pytest.raises(ConfigurationError, match="old.json is not a document of event types"):
        read(raw, "old.json")


def test_two_documents_are_compared_without_the_registry() -> None:
    old, new = before(), before()
    new[TRADE]["properties"]["symbol"]["maxLength"] = 8

    (found,) = compared(old, new)

    assert (found.difference.path, found.breaking) == ("symbol", True)
