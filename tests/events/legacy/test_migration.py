"""docs/migration.md: what it shows runs, and says what it promises."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from events import Event
from events.conf import bus_settings
from events.legacy.envelope import full_name
from events.registry import registry
from tests.bus_fixture import Bus
from tests.events.management.commanding import run

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "migration.md").read_text()

SAID = [
    ("Gamification.XPGained", "gamification"),
    ("Gamification.LevelUp", "gamification"),
    ("Gamification.AchievementUnlocked", "gamification"),
    ("Financial.PaymentCompleted", "payments@2.1"),
    ("Trading.TradeExecuted", "desk@3.0"),
    ("Risk.Alert.Triggered", "desk@3.0"),
    ("Trading.Position.Opened", "positions@1.4"),
    ("Market.DataUpdated", "bot@0.9"),
    ("Trading.SignalGenerated", "bot@0.9"),
    ("System.HealthReported", "bot@0.9"),
    ("Trading.TradeExecuted", "trading"),
    ("Trading.PnL.Updated", "trading"),
]
"""Type and producer of everything the page says, in order."""


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.S)


def producer_of(event: Event) -> str:
    """The producer; only its name where it is one of ours."""
    name, _, version = event.producer.partition("@")
    return name if version == bus_settings().version else event.producer


def python_run() -> dict[str, Any]:
    """The Python of the page, run as one module."""
    names: dict[str, Any] = {"__name__": "migration"}
    for block in blocks("python"):
        exec(compile(block, "docs/migration.md", "exec", dont_inherit=True), names)
    return names


def test_the_python_of_the_page_says_what_it_tells_of(bus: Bus) -> None:
    names = python_run()

    said = [(event.event_type, producer_of(event)) for event in bus.events()]
    assert said == SAID
    assert names["wrong"] == ["data.value: Input should be greater than 0"]
    assert "`wrong` is `" + str(names["wrong"]).replace("'", '"') + "`" in PAGE


def test_what_the_page_puts_into_one_chain_is_in_one(bus: Bus) -> None:
    names = python_run()
    links = {event.event_type: (event.correlation_id, event.causation_id) for event in bus.events()}

    for cause, following in (
        ("gained", "Gamification.LevelUp"),
        ("trade", "Risk.Alert.Triggered"),
        ("trade", "Trading.Position.Opened"),
        ("other", "Trading.PnL.Updated"),
    ):
        assert links[following] == (names[cause].event_id, names[cause].event_id)


def test_the_commands_of_the_page_run(
    bus: Bus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (dump,) = blocks("ndjson")
    (tmp_path / "old-events.ndjson").write_text(dump)
    monkeypatch.chdir(tmp_path)
    commands = re.findall(r"^\.venv/bin/python manage\.py (.+)$", "\n".join(blocks("sh")), re.M)

    assert len(commands) == 2
    for command in commands:
        ran = run(*command.split())
        assert ran.status == 0, ran.out
    assert [event.event_type for event in bus.events()] == [
        "Trading.SignalGenerated",
        "Trading.Order.Placed",
        "Gamification.XPGained",
        "Social.SocialProfileCreated",
    ]


def test_each_spelling_that_the_page_lists_is_of_the_type_beside_it() -> None:
    rows = re.findall(r"^\| (`.+) \| `([\w.]+)`", PAGE, re.M)

    assert len(rows) == 4
    for spellings, registered in rows:
        for spelling in re.findall(r"`([^`]+)`", spellings):
            name = full_name(spelling.removesuffix("Event"), "Gamification")
            assert registry.resolve(name).name == registered


def test_other_papers_lead_to_the_page() -> None:
    for paper in ("README.md", "docs/registry.md"):
        assert "docs/migration.md" in (ROOT / paper).read_text()
