"""How a challenge goes, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from events import Event, InvalidEvent
from events.domains.challenge import services
from events.domains.challenge.models import Challenge
from events.domains.challenge.services import ChallengeRefused
from tests.bus_fixture import Bus


def fail(*events: Event) -> None:
    raise OSError("the disk is full")


def started(phases: int = 2) -> str:
    """Id of a challenge of user 7 with a target of 400."""
    said = services.start_challenge(
        7,
        "Funded trader",
        Decimal(400),
        Decimal(250),
        phases=phases,
        reward_xp=50,
        metadata={"synthetic": True},
    )
    return said.entity_id


def passed(phases: int = 2) -> str:
    """Id of a challenge whose target is reached to the cent."""
    challenge_id = started(phases)
    services.record_result(challenge_id, Decimal(400))
    return challenge_id


def test_a_challenge_is_kept_and_said_together(bus: Bus) -> None:
    challenge_id = started()

    (said,) = bus.events()
    assert said.data == {
        "challenge_id": challenge_id,
        "user_id": 7,
        "name": "Funded trader",
        "phases": 2,
        "profit_target": "400",
        "loss_limit": "250",
        "currency": "USD",
    }
    row = Challenge.objects.get(pk=challenge_id)
    assert (row.state, row.phase, row.reward_xp) == ("running", 1, 50)
    assert said.synthetic


def test_results_add_up(bus: Bus) -> None:
    challenge_id = started()
    services.record_result(challenge_id, Decimal("310.25"))

    said = services.record_result(challenge_id, Decimal("-10.50"))

    assert (said.data["trades"], said.data["profit"], said.data["phase"]) == (2, "299.75", 1)
    assert Challenge.objects.get().profit == Decimal("299.75")


def test_a_phase_is_advanced_when_its_target_is_reached_and_counts_anew(bus: Bus) -> None:
    challenge_id = passed()

    said = services.advance_phase(challenge_id)

    assert (said.event_type, said.data["phase"]) == ("Challenge.Phase.Advanced", 2)
    assert said.data["profit"] == "400.00"
    row = Challenge.objects.get()
    assert (row.phase, row.trades, row.profit) == (2, 0, Decimal(0))


def test_a_challenge_is_completed_after_its_last_phase(bus: Bus) -> None:
    challenge_id = passed(phases=1)

    said = services.complete_challenge(challenge_id)

    assert (said.event_type, said.data["reward_xp"]) == ("Challenge.Completed", 50)
    assert Challenge.objects.get().state == "completed"


def test_a_completed_challenge_earns_its_reward_once(bus: Bus) -> None:
    services.complete_challenge(passed(phases=1))

    bus.drain()

    (gained,) = bus.events("Gamification.XPGained")
    assert (gained.data["user_id"], gained.data["xp"]) == (7, 50)
    assert bus.dead_letters() == []


def test_a_challenge_fails_for_a_reason(bus: Bus) -> None:
    challenge_id = started()
    services.record_result(challenge_id, Decimal(-251))

    said = services.fail_challenge(challenge_id, "Lost more than 250")

    assert (said.data["reason"], said.data["profit"]) == ("Lost more than 250", "-251.00")
    assert Challenge.objects.get().state == "failed"


@pytest.mark.parametrize("step", [services.advance_phase, services.complete_challenge])
def test_a_target_that_is_not_reached_passes_nothing(
    bus: Bus, step: Callable[[str], Event]
) -> None:
    challenge_id = started(phases=1)
    services.record_result(challenge_id, Decimal("399.99"))

    with pytest.raises(ChallengeRefused, match=r"stands at 399\.99, its target is 400"):
        step(challenge_id)

    assert [event.event_type for event in bus.events()] == [
        "Challenge.Started",
        "Challenge.Metrics.Updated",
    ]


def test_only_the_last_phase_completes_a_challenge_and_none_follows_it(bus: Bus) -> None:
    first, last = passed(phases=2), passed(phases=1)

    with pytest.raises(ChallengeRefused, match="in phase 1 of 2"):
        services.complete_challenge(first)
    with pytest.raises(ChallengeRefused, match="in its last phase"):
        services.advance_phase(last)

    assert set(Challenge.objects.values_list("state", "phase")) == {("running", 1)}


@pytest.mark.parametrize(
    "step",
    [
        lambda challenge_id: services.record_result(challenge_id, Decimal(1)),
        services.advance_phase,
        services.complete_challenge,
        lambda challenge_id: services.fail_challenge(challenge_id, "Again"),
    ],
)
def test_a_challenge_that_has_ended_or_nobody_knows_stays_as_it_is(
    bus: Bus, step: Callable[[str], Event]
) -> None:
    challenge_id = passed(phases=1)
    services.fail_challenge(challenge_id, "Gave up")
    said = len(bus.events())

    with pytest.raises(ChallengeRefused, match="is failed"):
        step(challenge_id)
    with pytest.raises(ChallengeRefused, match="is not known"):
        step("challenge-x")

    assert len(bus.events()) == said


@pytest.mark.parametrize(
    "refused",
    [
        lambda: services.start_challenge(7, "", Decimal(400), Decimal(250)),
        lambda: services.start_challenge(7, "Funded", Decimal(0), Decimal(250)),
        lambda: services.start_challenge(7, "Funded", Decimal(400), Decimal(250), phases=0),
    ],
)
def test_what_cannot_be_said_is_not_done(bus: Bus, refused: Callable[[], Event]) -> None:
    with pytest.raises(InvalidEvent, match=r"data\."):
        refused()

    assert not Challenge.objects.exists()
    assert bus.events() == []


@pytest.mark.parametrize(
    "step",
    [
        lambda challenge_id: services.record_result(challenge_id, Decimal(1)),
        services.advance_phase,
        lambda challenge_id: services.fail_challenge(challenge_id, "Gave up"),
        lambda _: started(),
    ],
)
def test_what_cannot_be_published_is_not_done(
    bus: Bus, monkeypatch: pytest.MonkeyPatch, step: Callable[[str], Event]
) -> None:
    challenge_id = passed()
    before = list(Challenge.objects.values())
    monkeypatch.setattr(services, "publish", fail)

    with pytest.raises(OSError, match="full"):
        step(challenge_id)

    assert list(Challenge.objects.values()) == before
