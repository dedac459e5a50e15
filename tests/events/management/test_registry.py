"""``manage.py registry``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from events.registry import registry
from tests.events.management.commanding import run


def exported(path: Path, **changes: Any) -> str:
    """A document of now in a file, with keys of TradeExecuted changed."""
    run("registry", "export", "--output", str(path))
    written = json.loads(path.read_text())
    written["$defs"]["Trading.TradeExecuted.v1"].update(changes)
    path.write_text(json.dumps(written))
    return str(path)


@pytest.mark.parametrize("wanted", ["jsonschema", "asyncapi"])
def test_what_is_exported_is_json_with_every_version(wanted: str) -> None:
    document = json.loads(run("registry", "export", "--format", wanted).out)

    versions = document.get("$defs") or document["channels"]
    assert list(versions) == [f"{kind.name}.v{kind.version}" for kind in registry.all()]


def test_the_page_of_markdown_has_every_version_and_its_fields() -> None:
    page = run("registry", "export", "--format", "markdown").out

    for kind in registry.all():
        assert f"### {kind.name} v{kind.version}\n" in page
    assert "| `email` | string | personal;" in page
    assert "said by services of trading" in page


def test_a_check_of_what_has_not_changed_says_so(tmp_path: Path) -> None:
    ran = run("registry", "check", "--against", exported(tmp_path / "r.json"), "--complete")

    assert (ran.status, "nothing is broken" in ran.out) == (0, True)


def test_a_breaking_change_fails_and_names_field_and_rule(tmp_path: Path) -> None:
    file = exported(tmp_path / "r.json", required=["symbol"], properties={"symbol": {}})

    ran = run("registry", "check", "--against", file)

    assert ran.status == 1
    assert "Trading.TradeExecuted v1" in ran.out
    assert "value" in ran.out
    assert "promised backward" in ran.out
    assert "declare the next one" in ran.out


def test_a_document_that_lacks_something_fails_only_where_it_must_be_complete(
    tmp_path: Path,
) -> None:
    file = tmp_path / "r.json"
    exported(file)
    written = json.loads(file.read_text())
    del written["$defs"]["User.UserRegistered.v1"]
    file.write_text(json.dumps(written))

    lenient = run("registry", "check", "--against", str(file))
    strict = run("registry", "check", "--against", str(file), "--complete")

    assert (lenient.status, "new or changed: User.UserRegistered v1" in lenient.out) == (0, True)
    assert (strict.status, "registry export --output" in strict.out) == (1, True)


def rewritten(path: Path, change: Callable[[dict[str, Any]], None]) -> str:
    """A document of now in a file, its versions changed."""
    exported(path)
    written = json.loads(path.read_text())
    change(written["$defs"])
    path.write_text(json.dumps(written))
    return str(path)


def test_a_type_that_nobody_registers_any_more_fails_and_is_named(tmp_path: Path) -> None:
    def add(versions: dict[str, Any]) -> None:
        user = versions["User.UserRegistered.v1"]
        versions["User.Renamed.v1"] = user
        versions["Parcel.Sent.v1"] = {**user, "x-app": "parcel"}

    ran = run("registry", "check", "--against", rewritten(tmp_path / "r.json", add))

    assert ran.status == 1
    assert "User.Renamed v1" in ran.out
    assert "is not registered any more; its events are still kept" in ran.out
    assert "nothing of parcel is: is it among the APPS?" in ran.out
    assert "2 of these break what the types promise" in ran.out


def test_the_apps_are_told_so_that_one_which_is_missing_is_seen(tmp_path: Path) -> None:
    def leave_out(versions: dict[str, Any]) -> None:
        for name in [name for name in versions if name.startswith(("NFT.", "User."))]:
            del versions[name]

    file = rewritten(tmp_path / "fewer.json", leave_out)
    written = run("registry", "export", "--output", str(tmp_path / "all.json"))

    fewer = run("registry", "check", "--against", file)
    whole = run("registry", "check", "--against", str(tmp_path / "all.json"))

    assert f"{tmp_path / 'all.json'} has the types of auth, challenge" in written.out
    for ran in (fewer, whole):
        assert (ran.status, "Apps with types: auth, challenge, " in ran.out) == (0, True)
    assert f"{file} was exported without nft, user." in fewer.out
    assert "was exported without" not in whole.out


def test_a_file_that_tells_less_than_is_told_now_is_to_be_exported_anew(tmp_path: Path) -> None:
    def age(versions: dict[str, Any]) -> None:
        del versions["Trading.TradeExecuted.v1"]["x-edition"]

    file = rewritten(tmp_path / "old.json", age)

    ran = run("registry", "check", "--against", file)

    assert (ran.status, "is of an older version" in ran.out) == (0, True)


@pytest.mark.parametrize("text", ["{", "[]", "{}", "[" * 5_000])
def test_a_file_that_is_no_document_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "r.json"
    file.write_text(text)

    ran = run("registry", "check", "--against", str(file))

    assert (ran.status, str(file) in ran.out) == (1, True)


def test_two_versions_are_compared_in_words() -> None:
    ran = run("registry", "diff", "Financial.PaymentCompleted.v1", "Financial.PaymentCompleted")

    assert "method" in ran.out
    assert "was added, and is required" in ran.out
    assert "backward and forward" in ran.out
    same = run("registry", "diff", "Trading.TradeExecuted", "Trading.Trade.Executed")
    assert same.out.strip() == "They are the same."


def test_two_files_are_compared(tmp_path: Path) -> None:
    old = exported(tmp_path / "old.json")
    new = exported(tmp_path / "new.json", **{"x-aliases": []})

    ran = run("registry", "diff", old, new)

    assert "the alias Trading.Trade.Executed was removed" in ran.out


def test_an_unknown_type_is_named_with_the_nearest() -> None:
    ran = run("registry", "diff", "Trading.TradeExecutd", "Trading.TradeExecuted")

    assert (ran.status, "did you mean Trading.TradeExecuted" in ran.out) == (1, True)
