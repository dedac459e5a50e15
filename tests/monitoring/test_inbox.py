"""The failure inbox: searched, grouped, noted, frozen for an operation, exported."""

from __future__ import annotations

import csv
import io
import json
import re
import time
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client

from events import Event
from events.envelope import now
from events.models import AuditEntry, DeadLetter, FailureNote, Operation
from events.privacy import MASK
from events.queries import letter_export
from monitoring.acting import STEPPED_UP_AT
from tests.bus_fixture import Bus
from tests.events.letters import letters
from tests.monitoring.pages import main_of, read

PROPOSE, EXPORT = "/dead-letters/propose/", "/dead-letters/export/"
NOTE, SILENCE = "/dead-letters/note/", "/dead-letters/silence/"
MARK = "f" * 16
FAILURE = {"group": "testers", "failure": MARK}
MINUTE = timedelta(minutes=1)


def step_up(client: Client) -> None:
    session = client.session
    session[STEPPED_UP_AT] = time.time()
    session.save()


def form_of(client: Client, path: str, verb: str) -> dict[str, str]:
    """What a button of the page posts."""
    source = client.get(path).content.decode()
    form = next(
        form
        for form in re.findall(r"<form[^>]*propose/.*?</form>", source, re.DOTALL)
        if f'value="{verb}"' in form
    )
    assert not re.search(rf'value="{verb}" disabled', form)
    hidden = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form)
    return {name: unescape(value) for name, value in hidden} | {"verb": verb}


def states() -> dict[int, str]:
    return dict(DeadLetter.objects.values_list("pk", "state"))


@pytest.fixture
def mixed(bus: Bus) -> None:
    letters(3, ago=MINUTE)
    letters(2, ago=MINUTE, error_class="Late", fingerprint="b" * 16, message="came late")
    letters(1, ago=MINUTE, group_name="others", code_version="2", event_type="")


def test_a_search_is_in_the_address_and_narrows_the_list(mixed: None, viewer: Client) -> None:
    source = viewer.get("/dead-letters/?q=error:Late").content.decode()

    listed = source.partition('id="failures"')[2].partition("</section>")[0]
    assert "came late" in listed
    assert "Reject" not in listed
    assert 'value="error:Late"' in source
    assert "manage.py deadletters list --search error:Late" in source


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("q=colour:red", "There is no qualifier “colour:”; use group, type, error"),
        ("q=before:soon", "write before:2h"),
        ("q=group:a+group:b", "“group:” is given twice"),
        ("q=group:a&group=b", "“group:” is given twice"),
        ("q=ledger", "the texts of errors are not searched"),
    ],
)
def test_a_search_that_cannot_be_read_is_explained_and_kept(
    mixed: None, viewer: Client, query: str, sentence: str
) -> None:
    answer = viewer.get(f"/dead-letters/?{query}")

    assert answer.status_code == 400
    assert sentence in main_of(answer)  # type: ignore[arg-type]
    assert "Replay all" not in answer.content.decode()


@pytest.mark.parametrize(
    ("by", "lines"),
    [
        ("type", ["5 trading Trading.TradeExecuted", "1 not an event"]),
        ("group", ["5 testers", "1 others"]),
        ("version", ["5 1", "1 2"]),
        ("letter", ["6 dead letters"]),
    ],
)
def test_the_list_can_be_grouped_otherwise_and_each_line_leads_to_its_letters(
    mixed: None, viewer: Client, by: str, lines: list[str]
) -> None:
    path = f"/dead-letters/?by={by}"
    page = read(viewer, path).replace("\u00a0", " ")

    assert all(line in page for line in lines)
    source = viewer.get(path).content.decode()
    for link in re.findall(r'<h3><a href="([^"]+)"', source):
        assert viewer.get("/dead-letters/" + unescape(link)).status_code == 200


def test_lines_have_a_trend_and_say_what_is_known(mixed: None, viewer: Client) -> None:
    FailureNote.objects.create(
        group_name="testers", fingerprint=MARK, owner="ada", note="asks the bank",
        silenced_until=now() + MINUTE, changed_at=now(), changed_by="olga",
    )  # fmt: skip

    for path in ("/dead-letters/", f"/dead-letters/?group=testers&failure={MARK}"):
        page, source = read(viewer, path), viewer.get(path).content.decode()
        assert "wned by ada" in page
        assert "silenced until" in page
        assert "asks the bank" in source
        assert '<svg class="spark' in source


@pytest.mark.parametrize("verb", ["replay", "discard"])
def test_a_button_freezes_exactly_what_its_page_showed(
    bus: Bus, operator: Client, verb: str
) -> None:
    shown = letters(3, group_name="revenue_trackers", ago=timedelta(hours=3))
    letters(2, group_name="revenue_trackers", ago=MINUTE)
    posted = form_of(operator, "/dead-letters/?q=group:revenue_trackers+before:2h", verb)
    letters(40, group_name="revenue_trackers", at=now() - timedelta(hours=4), opened_at=now())

    answer = operator.post(PROPOSE, posted)
    page = read(operator, answer["Location"])

    draft = Operation.objects.get()
    assert (draft.kind, draft.total, draft.not_included) == (verb, 3, 40)
    assert set(draft.items.values_list("letter", flat=True)) == set(shown)
    assert "3 as of" in page
    assert "40 newer are not included" in page
    assert "nothing has happened yet" in page
    assert set(states().values()) == {"new"}


def test_many_are_discarded_and_restored_from_the_console(bus: Bus, operator: Client) -> None:
    letters(101, ago=MINUTE)
    where = operator.post(PROPOSE, form_of(operator, "/dead-letters/", "discard"))["Location"]
    begin = f"{where}begin/"
    assert "your password is asked for again" in read(operator, where)
    assert operator.post(begin, {"reason": "sent by a test"}).status_code == 409
    assert set(states().values()) == {"new"}

    step_up(operator)
    assert operator.post(begin, {"reason": " "}).status_code == 422
    assert operator.post(begin, {"reason": "sent by a test"}).status_code == 302
    assert "101 of 101 discarded." in read(operator, where)
    assert set(states().values()) == {"discarded"}

    posted = form_of(operator, "/dead-letters/?state=discarded", "restore")
    back = operator.post(PROPOSE, posted)["Location"]
    operator.post(f"{back}begin/", {"reason": "by mistake"})
    assert set(states().values()) == {"new"}
    assert "restored" in read(operator, "/operations/")


def test_a_replay_of_several_groups_is_shown_disabled_with_the_reason(
    mixed: None, operator: Client
) -> None:
    source = operator.get("/dead-letters/").content.decode()
    assert re.search(r'value="replay" disabled title="A replay goes to one group', source)

    answer = operator.post(PROPOSE, {"q": "", "as_of": now().isoformat()}, follow=True)
    assert "these belong to others and testers" in main_of(answer)  # type: ignore[arg-type]
    assert not Operation.objects.exists()


POSTS: list[tuple[str, dict[str, str]]] = [
    (PROPOSE, {"q": "", "as_of": "2026-11-27T14:02:00+00:00", "verb": "discard"}),
    (EXPORT, {"format": "csv"}),
    (NOTE, {**FAILURE, "owner": "ada", "note": "x"}),
    (SILENCE, {**FAILURE, "length": "1h", "reason": "x"}),
    ("/dead-letters/{pk}/look/", {"state": "investigating"}),
]


@pytest.mark.parametrize(("path", "given"), POSTS)
def test_who_may_not_is_kept_from_it_and_nothing_happens(
    bus: Bus, operator: Client, viewer: Client, path: str, given: dict[str, str]
) -> None:
    path = path.format(pk=letters(ago=MINUTE)[0])

    assert operator.get(path).status_code == 405
    assert Client().post(path, given)["Location"].startswith("/login/")
    refused = viewer.post(path, given)
    assert refused.status_code == 403
    assert "The role operator is needed to" in refused.content.decode()

    assert not AuditEntry.objects.exists()
    assert not FailureNote.objects.exists()
    assert not Operation.objects.exists()


def test_a_viewer_sees_every_button_disabled_with_the_reason(mixed: None, viewer: Client) -> None:
    for path in ("/dead-letters/", f"/dead-letters/?group=testers&failure={MARK}"):
        source = viewer.get(path).content.decode().partition('id="main"')[2]
        forms = re.findall(r'<form[^>]*method="post".*?</form>', source, re.DOTALL)
        buttons = [b for form in forms for b in re.findall(r"<button[^>]*>", form)]
        assert len(buttons) >= 3
        assert all('disabled title="The role operator is needed' in b for b in buttons), buttons


def test_a_failure_is_noted_silenced_and_heard_again(mixed: None, operator: Client) -> None:
    path = f"/dead-letters/?group=testers&failure={MARK}"

    operator.post(NOTE, {**FAILURE, "owner": "ada", "note": "asks the bank"})
    answer = operator.post(SILENCE, {**FAILURE, "length": "4h", "reason": "next release"})
    page = read(operator, answer["Location"])

    assert answer["Location"] == path
    assert "Owned by ada" in page
    assert "silenced until" in page
    until = FailureNote.objects.get().silenced_until
    assert until
    assert timedelta(hours=3.9) < until - now() < timedelta(hours=4)

    operator.post(SILENCE, {**FAILURE, "length": "", "reason": "now"})
    assert "silenced until" not in read(operator, path)
    rows = AuditEntry.objects.order_by("seq").values_list("actor", "via", "action", "reason")
    assert list(rows) == [
        ("olga", "console", "failure.note", ""),
        ("olga", "console", "failure.silence", "next release"),
        ("olga", "console", "failure.unsilence", "now"),
    ]


@pytest.mark.parametrize("path", [NOTE, SILENCE])
def test_a_failure_nobody_knows_is_refused_in_a_sentence(
    bus: Bus, operator: Client, path: str
) -> None:
    given = {**FAILURE, "note": "x", "length": "1h", "reason": "x"}

    page = main_of(operator.post(path, given, follow=True))  # type: ignore[arg-type]

    assert "No dead letter of testers is of the failure" in page
    assert not FailureNote.objects.exists()


def test_one_letter_is_looked_into_from_its_page(bus: Bus, operator: Client) -> None:
    (pk,) = letters()
    path = f"/dead-letters/{pk}/look/"

    operator.post(path, {"state": "investigating", "owner": "ada", "note": "asks the bank"})
    page = read(operator, f"/dead-letters/{pk}/")

    assert "investigating" in page
    assert "asks the bank" in page
    assert AuditEntry.objects.get().action == "dead-letter.look-into"
    operator.post(path, {"state": "new"})
    assert set(states().values()) == {"new"}
    assert operator.post("/dead-letters/404/look/", {"state": "new"}).status_code == 404
    assert operator.post(path, {"state": "resolved"}).status_code == 400


def exported(client: Client, **given: str) -> str:
    answer: Any = client.post(EXPORT, given)
    assert answer.status_code == 200
    assert 'attachment; filename="dead-letters-' in answer["Content-Disposition"]
    return b"".join(answer.streaming_content).decode()


def test_an_export_needs_the_password_again(mixed: None, operator: Client) -> None:
    assert (
        "To export your password is asked for again."
        in operator.get("/dead-letters/").content.decode()
    )

    page = main_of(operator.post(EXPORT, {"format": "csv"}, follow=True))  # type: ignore[arg-type]

    assert "Give your password again to export dead letters" in page
    assert not AuditEntry.objects.exists()


def test_an_export_is_what_matches_masked_neutral_and_audited(bus: Bus, operator: Client) -> None:
    data = {"user_id": 7, "username": "ada", "email": "ada@example.org"}
    event = Event.new("User.UserRegistered", data)
    letters(ago=2 * MINUTE, body=event.to_json(), message="no mailbox ada@example.org")
    for start in "=+-@\t\r":
        letters(ago=MINUTE, message=f"{start}cmd|' /C calc'!A0")
    letters(3, fingerprint="b" * 16)
    step_up(operator)

    text = exported(operator, format="csv", q=f"failure:{MARK}")
    told = exported(operator, format="ndjson", q=f"failure:{MARK}")

    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    objects = [json.loads(line) for line in told.splitlines()]
    assert [row["id"] for row in rows] == [str(one["id"]) for one in objects]
    assert len(rows) == 7
    assert {row["message"][:2] for row in rows[:6]} == {f"'{start}" for start in "=+-@\t\r"}
    assert MASK in rows[6]["message"]
    assert objects[6]["data"]["email"] == MASK
    assert "ada@example.org" not in text + told
    audited = AuditEntry.objects.order_by("seq").values_list("actor", "action", "details")
    assert list(audited) == [
        ("olga", "dead-letters.export", {"asked": f"failure:{MARK}", "format": "csv"}),
        ("olga", "dead-letters.export", {"asked": f"failure:{MARK}", "format": "ndjson"}),
    ]


def test_an_export_is_read_in_steps_and_says_where_it_ends_early(
    bus: Bus, operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(letter_export, "AT_ONCE", 2)
    letters(7, ago=MINUTE)
    step_up(operator)

    whole = exported(operator, format="ndjson").splitlines()
    monkeypatch.setattr(letter_export, "MOST_EXPORTED", 4)
    cut = exported(operator, format="ndjson").splitlines()
    table = exported(operator, format="csv").splitlines()

    assert len({json.loads(line)["id"] for line in whole}) == len(whole) == 7
    assert len(cut) == 5
    assert "More match" in json.loads(cut[-1])["left_out"]
    assert len(table) == 6
    assert "More match" in table[-1]


def test_what_fails_while_an_export_is_read_neither_ends_nor_repeats_it(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(letter_export, "AT_ONCE", 2)
    for minutes in (1, 1, 2, 3, 4, 5):
        letters(ago=minutes * MINUTE)
    lines = letter_export.ndjson_lines(letter_export.LetterFilter(), "open")

    first = [json.loads(line)["id"] for line in next(lines).splitlines()]
    DeadLetter.objects.filter(pk=first[-1]).update(last_failed_at=now())
    DeadLetter.objects.filter(pk=first[0]).delete()
    rest = [json.loads(line)["id"] for some in lines for line in some.splitlines()]

    assert len({*first, *rest}) == len(first) + len(rest) == 6
