"""The registry as a document, and what of it a later registry breaks."""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter
from typing import Any

import jsonschema
import pytest

from events.contracts import check, compared, document, missing_from, read, schema_of
from events.errors import ConfigurationError
from events.registry import registry

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
    assert broken_in(old) == [("Trading.TradeExecuted v1", "currency", "full")]


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


ODD = {"x-entity": "user_id", "x-compatibility": "somewhat"}


@pytest.mark.parametrize(
    "raw", [None, [], {}, {"$defs": []}, {"$defs": {"a": 1}}, "text", {"$defs": {"a": ODD}}]
)
def test_what_is_no_document_of_event_types_is_refused(raw: Any) -> None:
    with pytest.raises(ConfigurationError, match="old.json is not a document of event types"):
        read(raw, "old.json")


def test_two_documents_are_compared_without_the_registry() -> None:
    old, new = before(), before()
    new[TRADE]["properties"]["symbol"]["maxLength"] = 8

    (found,) = compared(old, new)

    assert (found.difference.path, found.breaking) == ("symbol", True)
