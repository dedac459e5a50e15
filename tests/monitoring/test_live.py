"""The ticker: one measurement, one rendering, every tab."""

from __future__ import annotations

import json
from typing import Any

import pytest

from events.groups import jobs
from monitoring import live, samples
from monitoring.models import Sample
from tests.bus_fixture import Bus

pytestmark = pytest.mark.django_db


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """What went to the channel layer."""
    messages: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(live, "_send", lambda group, message: messages.append((group, message)))
    return messages


def test_a_tick_measures_once_and_renders_each_view_once(
    sent: list[tuple[str, dict[str, Any]]],
) -> None:
    live.tick()

    assert Sample.objects.filter(resolution_s=samples.TICK_S).count() == 1
    assert sorted(group for group, _ in sent) == sorted(map(live.group_of, live.VIEWS))


def test_the_coarser_windows_are_rendered_less_often(
    sent: list[tuple[str, dict[str, Any]]],
) -> None:
    live.tick()
    sent.clear()

    live.tick()

    groups = {group for group, _ in sent}
    assert "live.overview-1h" in groups
    assert "live.overview-7d" not in groups


def test_each_fragment_has_one_root_with_an_id_and_fits_into_a_message(
    sent: list[tuple[str, dict[str, Any]]],
) -> None:
    live.tick()

    for _, message in sent:
        assert len(json.dumps(message)) < 64 * 1024
        for html in message["html"]:
            assert " id=" in html.lstrip().partition(">")[0]


def test_a_bus_that_is_away_is_measured_and_shown_too(
    bus: Bus, sent: list[tuple[str, dict[str, Any]]]
) -> None:
    bus.memory.down = "refused"

    live.tick()

    shell = next(message for group, message in sent if group == "live.shell")
    assert "refused" in "".join(shell["html"])
    assert Sample.objects.filter(needs__gt=0).exists()


def test_the_ticker_and_the_pruning_are_declared_as_periodic_work() -> None:
    names = {job.name for job in jobs()}

    assert {"console.ticker", "console.samples"} <= names


def test_a_channel_layer_that_fails_keeps_nobody_signed_in(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ConnectionError("refused")

    monkeypatch.setattr(live, "_send", fail)

    live.recheck_sockets(7)
