"""A failure is seen, understood and put right in a browser."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.brittle import GROUP
from tests.browser.conftest import PASSWORD, Opened, Publisher, sign_in, variables
from tests.running_console import ROOT, RunningConsole
from tests.waiting import eventually


@dataclass
class Brittle:
    """The console, seen from the command line, and the switch of its brittle group."""

    running: RunningConsole
    broken_while: Path

    def manage(self, *words: str) -> str:
        """What a command prints."""
        command = [sys.executable, str(ROOT / "manage.py"), *words]
        environment = variables(self.running, self.broken_while)
        return subprocess.run(
            command, env=environment, stdout=subprocess.PIPE, text=True, check=False
        ).stdout

    def letter_of(self, event_id: str) -> dict[str, Any] | None:
        """The dead letter of an event."""
        listed = json.loads(self.manage("deadletters", "list", "--state", "all", "--json"))
        return next((row for row in listed if row["event_id"] == event_id), None)

    def handled(self, event_id: str, chain_of: str = "") -> dict[str, str]:
        """By group, when it handled the event, a root unless another is named as its root."""
        chain = json.loads(self.manage("chain", chain_of or event_id, "--json"))
        found = next(event for event in chain["events"] if event["event_id"] == event_id)
        return {g["group"]: g["handled_at"] for g in found["groups"] if g["state"] == "handled"}


@pytest.fixture
def brittle(console: RunningConsole, broken_while: Path) -> Brittle:
    """The console whose group can be broken."""
    return Brittle(console, broken_while)


@pytest.fixture
def tab(open_page: Opened) -> Page:
    """A tab of the admin."""
    return open_page("/dead-letters/", viewport={"width": 1440, "height": 900})


@pytest.fixture
def failed(brittle: Brittle, publisher: Publisher) -> Iterator[str]:
    """The id of a trade that one group could not handle; its cause is still there."""
    brittle.broken_while.touch()
    event_id = publisher.trade(value="1500.00")
    eventually(lambda: brittle.letter_of(event_id), 20, "the dead letter is written")
    yield event_id
    brittle.broken_while.unlink(missing_ok=True)


def test_the_replay_button_resolves_a_failure_and_only_that_group_runs_again(
    brittle: Brittle, tab: Page, failed: str
) -> None:
    before = eventually(lambda: others_handled(brittle, failed), 20, "the others handle it")
    tab.goto(f"/chains/{failed}/")
    tab.locator("#chain .step .outcome a").first.click()
    expect(tab.locator(".message")).to_have_text("the road is closed")
    brittle.broken_while.unlink()

    tab.get_by_role("link", name="Replay…").click()
    expect(tab.locator("#replay h2")).to_have_text(f"Replay 1\u00a0dead letter to {GROUP}")
    tab.get_by_label("Why?").fill("the road is open again")
    tab.get_by_role("button", name=f"Replay 1 to {GROUP}").click()

    expect(tab.locator("#operation")).to_contain_text("The event was handled", timeout=20_000)
    after = brittle.handled(failed)
    assert GROUP in after
    assert {name: at for name, at in after.items() if name != GROUP} == before
    letter = brittle.letter_of(failed)
    assert letter is not None
    assert letter["state"] == "resolved"


def others_handled(brittle: Brittle, event_id: str) -> dict[str, str]:
    """What the groups did, once all but the broken one are done."""
    handled = brittle.handled(event_id)
    return handled if len(handled) >= 7 and GROUP not in handled else {}


def test_some_are_selected_and_what_fails_again_is_said(
    brittle: Brittle, tab: Page, failed: str
) -> None:
    tab.goto(f"/dead-letters/?group={GROUP}")
    tab.get_by_role("link", name="Look and replay").first.click()
    expect(tab.locator("input[name=id]:checked").first).to_be_visible()
    button = tab.locator("button[data-counts=Replay]")
    expect(button).to_have_text(f"Replay {tab.locator('input[name=id]:checked').count()} selected…")
    tab.locator("[data-check-all]").uncheck()
    expect(button).to_be_disabled()
    tab.locator("input[name=id]").first.check()
    button.click()

    expect(tab.locator("#replay")).to_contain_text("No other dead letter is touched")
    tab.get_by_label("Why?").fill("trying without mending")
    tab.get_by_role("button", name=f"Replay 1 to {GROUP}").click()

    expect(tab.locator("#operation")).to_contain_text("1 of 1 failed again", timeout=20_000)


def test_a_viewer_sees_the_button_disabled_with_the_reason(
    brittle: Brittle, tab: Page, failed: str
) -> None:
    letter = brittle.letter_of(failed)
    assert letter is not None
    brittle.manage("shell", "-c", NEW_VIEWER)
    tab.context.clear_cookies()
    sign_in(tab, "vera", PASSWORD)

    tab.goto(f"/dead-letters/{letter['id']}/")

    expect(tab.get_by_role("button", name="Replay…")).to_be_disabled()
    expect(tab.locator("#main")).to_contain_text("The role operator is needed to replay")


NEW_VIEWER = f"""
from django.contrib.auth.models import Group, User
user, _ = User.objects.get_or_create(username="vera")
user.set_password({PASSWORD!r})
user.save()
user.groups.add(Group.objects.get(name="viewer"))
"""


def operations(brittle: Brittle) -> list[dict[str, Any]]:
    """All that were begun."""
    listed: list[dict[str, Any]] = json.loads(brittle.manage("operations", "list", "--json"))
    return listed


def test_a_replay_of_all_is_one_operation_and_stops_by_itself_where_it_still_fails(
    brittle: Brittle, tab: Page, failed: str, publisher: Publisher
) -> None:
    last = [publisher.trade() for _ in range(55)][-1]
    eventually(lambda: brittle.letter_of(last), 60, "all have failed")
    tab.goto(f"/dead-letters/?group={GROUP}")
    tab.get_by_role("link", name="Look and replay").first.click()
    tab.get_by_role("button", name="Replay all of this failure").click()
    heading = tab.locator("#draft h2")
    expect(heading).to_contain_text("as of")
    total = int(heading.inner_text().split()[0])
    publisher.trade()

    second = tab.context.new_page()
    second.goto(tab.url)
    for page in (tab, second):
        page.get_by_label("Why?").fill("trying without mending")
    tab.get_by_role("button", name=f"Replay {total} to {GROUP}").dblclick()
    expect(tab.locator("#operation")).to_contain_text("stopped by itself", timeout=30_000)
    second.get_by_role("button", name=f"Replay {total} to {GROUP}").click()

    expect(second.locator("#operation")).to_contain_text("stopped by itself")
    expect(tab.locator("#operation")).to_contain_text(
        f"1 of 1 failed again, more than 10 %; {total - 1} were not tried"
    )
    (newest,) = [one for one in operations(brittle) if one["total"] == total]
    assert (newest["total"], newest["counts"]) == (
        total,
        {"failed again": 1, "not sent": total - 1},
    )


def test_an_event_is_said_again_to_everyone_who_reads_it(
    brittle: Brittle, tab: Page, publisher: Publisher
) -> None:
    original = publisher.trade(value="77.00")
    eventually(lambda: len(brittle.handled(original)) >= 8, 30, "all groups handle it")
    tab.context.clear_cookies()  # the password given again ends the session that others use
    sign_in(tab, "admin", PASSWORD)
    tab.goto(f"/history/?mode=new+events&correlation={original}&type=Trading.TradeExecuted")
    tab.get_by_role("button", name="Freeze the set").click()
    expect(tab.locator("#draft")).to_contain_text(GROUP)
    tab.get_by_role("link", name="Give your password again").click()
    tab.get_by_label("Password").fill(PASSWORD)
    tab.keyboard.press("Enter")
    tab.get_by_label("Why?").fill("a reader of ours had lost it")
    tab.locator("[name=typed]").fill("2")
    say = tab.get_by_role("button", name="Say 1 again to everyone")
    say.click()
    expect(tab.locator(".error")).to_contain_text("Type the number of events, 1")

    tab.locator("[name=typed]").fill("1")
    say.click()

    expect(tab.locator("#operation")).to_contain_text("1 of 1 said again.", timeout=30_000)
    tab.locator("#operation td a", has_text="…").nth(1).click()
    expect(tab.locator("#main")).to_contain_text("again: the original, by operation")
    again = tab.url.rstrip("/").rpartition("/")[2]
    assert again != original
    assert set(brittle.handled(again, chain_of=original)) == set(brittle.handled(original))
