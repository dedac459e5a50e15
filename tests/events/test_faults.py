from __future__ import annotations

from collections.abc import Callable

import pytest
from pytest_django import Settings

from events import Context, Event
from events.envelope import new_event_id
from events.errors import ConfigurationError
from events.faults import Faults, InjectedReject, InjectedRetry
from events.groups import Group
from events.models import HandledEvent
from events.operations import Actor, replay_dead_letters
from tests.bus_fixture import Bus
from tests.events.conftest import trade

ALWAYS = Faults(reject=1.0)


def synthetic() -> Event:
    return trade(metadata={"synthetic": True})


def outcome(faults: Faults, event: Event, group: str = "testers") -> str:
    """What the lot of this event at this group is."""
    try:
        faults.strike(event, group, 1, redelivered=False)
    except InjectedReject:
        return "reject"
    except InjectedRetry:
        return "retry"
    return "none"


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("", Faults()),
        ("reject:0.002,retry:0.01", Faults(0.002, 0.01)),
        (" retry:1 , ", Faults(retry=1.0)),
        ("reject:0", Faults()),
    ],
)
def test_shares_are_read_from_the_setting(text: str, faults: Faults) -> None:
    assert Faults.parse(text) == faults


@pytest.mark.parametrize(
    "text", ["reject", "reject:", "reject:often", "reject:1.5", "retry:-1", "retry:nan", "kill:1"]
)
def test_a_setting_that_is_no_share_of_a_fault_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{text}.*write reject:SHARE"):
        Faults.parse(text)


def test_faults_strike_in_the_shares_that_were_asked_for() -> None:
    faults, group = Faults(reject=0.2, retry=0.3), "testers"
    event = synthetic()

    drawn = [outcome(faults, event, f"{group} {number}") for number in range(2_000)]

    assert 300 < drawn.count("reject") < 500
    assert 480 < drawn.count("retry") < 720


def test_a_group_meets_the_same_lot_whenever_it_meets_an_event() -> None:
    faults, event = Faults(reject=0.5), synthetic()
    groups = [f"group {number}" for number in range(50)]

    first = [outcome(faults, event, group) for group in groups]

    assert first == [outcome(faults, event, group) for group in groups]
    assert {"reject", "none"} == set(first)


def test_only_synthetic_events_are_struck() -> None:
    assert outcome(ALWAYS, trade()) == "none"
    assert outcome(ALWAYS, synthetic()) == "reject"


def test_a_retry_and_a_replay_meet_a_cause_that_is_gone() -> None:
    ALWAYS.strike(synthetic(), "testers", 2, redelivered=False)
    ALWAYS.strike(synthetic(), "testers", 1, redelivered=True)


def test_an_injected_failure_becomes_a_dead_letter_that_a_replay_heals(
    bus: Bus, group_of: Callable[..., Group], settings: Settings
) -> None:
    def note(event: Event, context: Context) -> None: ...

    settings.ASTRA = {**settings.ASTRA, "faults": "reject:1"}
    group, real = group_of(note), trade()
    bus.publish(real, trade(metadata={"synthetic": True}, event_id=new_event_id()))
    bus.drain([group])
    (letter,) = bus.dead_letters()
    assert (letter.error_class, letter.synthetic) == ("InjectedReject", True)

    replay_dead_letters(Actor("olga", "console", may_operate=True), [letter.pk], "try again")
    bus.drain([group])

    letter.refresh_from_db()
    assert letter.state == "resolved"
    assert HandledEvent.objects.filter(group__name="testers").count() == 2
