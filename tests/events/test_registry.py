from __future__ import annotations

from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field, computed_field, create_model

from events.errors import ConfigurationError, UnknownType
from events.registry import (
    PERSONAL,
    SECRET,
    DomainEventRegistry,
    EventType,
    Payload,
    UserId,
    _check,
    _spellings,
    event_type,
    registry,
)


class Shipped(Payload):
    """A parcel left the house."""

    user_id: UserId
    email: Annotated[str, PERSONAL] = ""
    key: Annotated[str, SECRET] = ""


def entry(name: str = "Parcel.Shipped", version: int = 1, **changes: object) -> EventType:
    facts: dict[str, object] = {
        "title": "Shipped",
        "description": "",
        "owner": "parcels",
        "entity_field": "user_id",
        "aliases": (),
        "example": {"user_id": 1},
        "retention_days": 30,
        "since": "0.1",
        "payload": Shipped,
    }
    return EventType(name=name, version=version, **{**facts, **changes})  # type: ignore[arg-type]


def test_the_newest_version_is_meant_unless_one_is_named() -> None:
    catalogue = DomainEventRegistry()
    catalogue.register(entry(version=1))
    catalogue.register(entry(version=2))

    assert catalogue.resolve("Parcel.Shipped").version == 2
    assert catalogue.resolve("Parcel.Shipped.v1").version == 1
    assert catalogue.resolve("Parcel.Shipped", 1).version == 1


def test_an_alias_that_means_another_type_is_refused() -> None:
    catalogue = DomainEventRegistry()
    catalogue.register(entry(aliases=("shipped",)))

    with pytest.raises(ConfigurationError, match="already means Parcel.Shipped"):
        catalogue.register(entry("Parcel.Sent", aliases=("shipped",)))


def test_two_types_on_one_stream_are_refused() -> None:
    class Other(Shipped):
        """Another."""

    catalogue = DomainEventRegistry()
    catalogue.register(entry("Parcel.ShippedOff"))

    with pytest.raises(ConfigurationError, match="declared twice"):
        catalogue.register(entry("Parcel.Shipped.Off", payload=Other))


def test_personal_and_secret_fields_are_found_by_their_marks() -> None:
    assert entry().personal == ("email",)
    assert entry().secret == ("key",)


class Address(BaseModel):
    street: Annotated[str, PERSONAL]


@pytest.mark.parametrize(
    "annotation",
    [
        Annotated[str, PERSONAL] | None,
        list[Annotated[str, SECRET]],
        Address,
        dict[str, list[Address]],
    ],
)
def test_a_mark_that_would_not_be_seen_is_refused(annotation: Any) -> None:
    hidden = create_model("Hidden", __base__=Shipped, inside=(annotation, None))

    with pytest.raises(ConfigurationError, match="inside has a mark inside its type"):
        event_type("Parcel.Lost", entity="user_id", owner="p", example={"user_id": 1})(hidden)


def test_a_field_that_is_marked_as_a_whole_may_hold_marks() -> None:
    shown = create_model("Shown", __base__=Shipped, inside=(Annotated[Address, PERSONAL], None))

    _check(entry(payload=shown))


def test_an_example_that_does_not_validate_is_refused_at_once() -> None:
    with pytest.raises(ConfigurationError, match="example does not validate") as refused:
        event_type("Parcel.Lost", entity="user_id", owner="parcels", example={})(Shipped)
    assert "pydantic.dev" not in str(refused.value)


class Renamed(Shipped):
    street: Annotated[str, Field(alias="road")] = "x"


class Computed(Shipped):
    @computed_field
    def twice(self) -> int:
        return 2 * self.user_id


class Nothing(Shipped):
    weight_g: int | None


@pytest.mark.parametrize(
    ("model", "more", "wrong"),
    [(Renamed, {}, "street"), (Computed, {}, "twice"), (Nothing, {"weight_g": None}, "weight_g")],
)
def test_a_payload_that_nobody_could_read_as_it_is_written_is_refused(
    model: type[Payload], more: dict[str, Any], wrong: str
) -> None:
    declare = event_type("Parcel.Lost", entity="user_id", owner="p", example={"user_id": 1, **more})

    with pytest.raises(ConfigurationError, match=rf"as it is written on the bus.*: {wrong}: "):
        declare(model)


def test_a_name_that_is_no_name_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="Domain.Event"):
        event_type("parcel_lost", entity="user_id", owner="p", example={"user_id": 1})(Shipped)


@pytest.mark.parametrize(
    ("aliases", "wrong"),
    [
        ("abc", r"aliases is 'abc'; write a tuple of names, such as \('abc',\)"),
        (None, "aliases is None; write a tuple of names"),
        (("zed.v1",), "the alias 'zed.v1' .* read as a version.*; write 'zed'"),
        (("zed\n",), r"the alias 'zed\\n' .* without line breaks"),
        (("ze\x00d",), r"the alias 'ze\\x00d' .* control characters"),
        ((" zed",), "the alias ' zed' .* blanks around it"),
        (("",), "the alias '' .* 1 to 200 characters"),
        (("z" * 201,), "the alias 'z.* 1 to 200 characters"),
        ((7,), "the alias 7 .* a text"),
        (("good", "bad.v2"), "the alias 'bad.v2'"),
    ],
)
def test_an_alias_that_nobody_could_say_is_refused_with_its_class(aliases: Any, wrong: str) -> None:
    declare = event_type(
        "Parcel.Lost", entity="user_id", owner="p", example={"user_id": 1}, aliases=aliases
    )

    with pytest.raises(ConfigurationError, match=f"^tests.events.test_registry.Shipped: {wrong}"):
        declare(Shipped)


def test_an_alias_may_be_as_long_as_an_envelope_carries_and_have_a_version_in_it() -> None:
    aliases = ("z" * 200, "zed.v0", "zed.v1.sent", "zed v1")

    assert _spellings(Shipped, iter(aliases)) == aliases


def test_an_entity_field_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="parcel_id"):
        event_type("Parcel.Lost", entity="parcel_id", owner="p", example={"user_id": 1})(Shipped)


ASTRATRADE = [
    "Trading.TradeExecuted",
    "Trading.TradingRewardsCalculated",
    "Trading.ClanBattleScoreUpdated",
    "Gamification.XPGained",
    "Gamification.LevelUp",
    "Gamification.AchievementUnlocked",
    "Gamification.StreakUpdated",
    "Gamification.LeaderboardUpdated",
    "Social.SocialProfileCreated",
    "Social.ConstellationCreated",
    "Social.ViralContentShared",
    "Social.SocialInteraction",
    "Social.FeedEntryCreated",
    "Social.InfluenceUpdated",
    "Financial.PaymentCompleted",
    "Financial.PaymentRefunded",
    "Financial.SubscriptionCreated",
    "Financial.SubscriptionRenewed",
    "Financial.SubscriptionCancelled",
    "Financial.RevenueRecorded",
    "Financial.ComplianceFindingRaised",
    "NFT.NFTMinted",
    "NFT.MarketplaceSale",
    "NFT.RewardClaimed",
    "NFT.RewardDistributed",
    "NFT.OwnershipTransferred",
    "User.UserRegistered",
    "User.ProfileUpdated",
    "User.SessionStarted",
    "User.NotificationSent",
]

TRADESENSE = [
    "Trading.Position.Opened.v1",
    "Trading.Position.Closed.v1",
    "Trading.Position.Modified.v1",
    "Trading.Order.Placed.v1",
    "Trading.Order.Filled.v1",
    "Trading.Order.Cancelled.v1",
    "Trading.Trade.Executed.v1",
    "Trading.PnL.Updated.v1",
    "Risk.Limit.Breached.v1",
    "Risk.Alert.Triggered.v1",
    "Risk.Score.Updated.v1",
    "Risk.Profile.Modified.v1",
    "Risk.Trading.Halted.v1",
    "Risk.Trading.Resumed.v1",
    "Challenge.Started.v1",
    "Challenge.Completed.v1",
    "Challenge.Failed.v1",
    "Challenge.Phase.Advanced.v1",
    "Challenge.Metrics.Updated.v1",
    "Auth.User.Registered.v1",
    "Auth.User.LoggedIn.v1",
    "Auth.User.LoggedOut.v1",
    "Auth.Session.Expired.v1",
    "Auth.Permission.Granted.v1",
    "Auth.Permission.Revoked.v1",
    "Evaluation.Rule.Violated.v1",
    "Evaluation.Metric.Calculated.v1",
    "Evaluation.Report.Generated.v1",
    "Evaluation.Status.Changed.v1",
]

SPELLINGS = {
    "Trading.Trade.Executed": "Trading.TradeExecuted",
    "Trading.Trade.Executed.v1": "Trading.TradeExecuted",
    # Among the examples of the document, in no list of its types.
    "Challenge.Phase.Completed.v1": "Challenge.Phase.Advanced",
    "market_data_update": "Market.DataUpdated",
    "trading_signal": "Trading.SignalGenerated",
    "order_executed": "Trading.OrderExecuted",
    "portfolio_update": "Trading.PortfolioUpdated",
    "risk_alert": "Risk.Alert.Triggered",
    "system_health": "System.HealthReported",
    "ml_model_update": "System.ModelUpdated",
    "backtest_complete": "System.BacktestCompleted",
}
"""What two vocabularies call the same event; the last eight are all of TradPal's."""


def canonical(spelling: str) -> str:
    return SPELLINGS.get(spelling, spelling.removesuffix(".v1"))


@pytest.mark.parametrize("spelling", [*ASTRATRADE, *TRADESENSE, *SPELLINGS])
def test_every_spelling_of_the_documents_finds_its_one_entry(spelling: str) -> None:
    found = registry.resolve(spelling)

    assert found.name == canonical(spelling)
    assert found.version == 1 or not spelling.endswith(".v1")
    assert registry.resolve(found.name) is registry.newest(found.name)
    assert registry.resolve(f"{found.name}.v{found.version}") is found
    for alias in found.aliases:
        assert registry.resolve(alias) is registry.newest(found.name)


def test_the_catalogue_is_the_three_vocabularies_and_nothing_else() -> None:
    documented = {canonical(spelling) for spelling in (*ASTRATRADE, *TRADESENSE, *SPELLINGS)}

    assert {entry.name for entry in registry.all()} == documented
    assert len(documented) == 65


@pytest.mark.parametrize("name", [entry.name for entry in registry.all()])
def test_every_type_of_the_vocabulary_says_what_it_is(name: str) -> None:
    known = registry.resolve(name)

    assert known.description.endswith("."), "one sentence, in the first line"
    assert known.owner == known.domain
    assert known.title
    assert registry.by_stream(known.stream) is known
    assert known.payload.model_validate(known.example).model_dump()[known.entity_field]


def test_what_a_sign_in_tells_of_a_person_is_marked() -> None:
    signed_in = registry.resolve("Auth.User.LoggedIn")

    assert (signed_in.personal, signed_in.secret) == (("ip",), ("session_id",))
    for name in ("Auth.User.LoggedOut", "Auth.Session.Expired"):
        assert registry.resolve(name).secret == ("session_id",)
    assert registry.resolve("Auth.User.Registered").personal == ("ip",)


def test_quotes_and_health_are_kept_for_days_and_decisions_about_people_for_a_year() -> None:
    kept = {entry.name: entry.kept_days for entry in registry.all()}

    assert kept["Market.DataUpdated"] == kept["System.HealthReported"] == 3
    about_people = {name for name in kept if name.startswith(("Auth.", "Risk."))}
    assert {kept[name] for name in about_people} == {365}
    assert kept["Trading.TradeExecuted"] == 30


def test_a_name_that_is_far_too_long_is_compared_with_none() -> None:
    with pytest.raises(UnknownType, match="a name is much shorter"):
        registry.resolve("a" * 1_000_000)
