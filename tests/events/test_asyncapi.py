"""The bus as an AsyncAPI document, held against AsyncAPI's own parser."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path
from typing import Any, Generic, TypeVar

import jsonschema
import pytest
from pydantic import BaseModel

from events import Event, Payload
from events.asyncapi import document
from events.groups import groups
from events.registry import DomainEventRegistry, EventType, registry

HERE = Path(__file__).parent.parent / "asyncapi"


@pytest.fixture(scope="module")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the official parser makes of the document."""
    if shutil.which("node") is None or not (HERE / "node_modules").exists():
        pytest.skip("AsyncAPI's parser is not installed (make test installs it where it may)")
    file = tmp_path_factory.mktemp("asyncapi") / "bus.json"
    file.write_text(json.dumps(document()))
    done = subprocess.run(
        ["node", str(HERE / "parse.mjs"), str(file)], capture_output=True, check=True, text=True
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_the_official_parser_finds_no_error_and_every_stream(parsed: dict[str, Any]) -> None:
    assert parsed["errors"] == []
    assert parsed["parsed"]
    assert sorted(parsed["addresses"]) == sorted(entry.stream for entry in registry.all())


def test_every_group_receives_what_it_reads_and_sends_what_it_says(parsed: dict[str, Any]) -> None:
    operations = set(parsed["operations"])

    for group in groups():
        assert {f"{group.name}.reads.{kind.label}" for kind in group.types} <= operations
        said = [registry.resolve(name) for name in group.says]
        assert {f"{group.name}.says.{kind.label}" for kind in said} <= operations


@pytest.mark.parametrize("entry", registry.all(), ids=attrgetter("label"))
def test_an_event_on_the_wire_is_what_its_message_says(entry: Any) -> None:
    described = document()
    event = json.loads(Event.new(entry.label, entry.example).to_json())
    payload = described["components"]["messages"][entry.label]["payload"]
    schema = {**payload, "components": described["components"]}

    jsonschema.validate(event, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**event, "event_version": 99}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**event, "data": {**event["data"], "nobody": 1}}, schema)


Held = TypeVar("Held")


class Box(BaseModel, Generic[Held]):
    inside: Held


class Crate(Payload):
    """Goods left the house."""

    crate_id: str
    boxes: list[Box[int] | Box[list[str]]]


class CrateV2(Payload):
    """Goods left the house."""

    crate_id: str
    boxes: list[Box[dict[str, bytes]] | Box[int]]


def crate(version: int, payload: type[Payload], inside: Any) -> EventType:
    return EventType(
        name="Parcel.Sent", version=version, title="Sent", description="It was sent.", owner="p",
        entity_field="crate_id", aliases=(), retention_days=None, since="0.1", payload=payload,
        example={"crate_id": "c-1", "boxes": [{"inside": inside}]},
    )  # fmt: skip


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        yield from (value for key, value in part.items() if key == "$ref")
    for one in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from references(one)


def test_models_within_a_payload_are_components_that_every_reference_finds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    catalogue = DomainEventRegistry()
    first, second = crate(1, Crate, ["a"]), crate(2, CrateV2, {"a": "b"})
    for entry in (first, second):
        catalogue.register(entry)
    monkeypatch.setattr("events.asyncapi.registry", catalogue)

    described = document()

    schemas = described["components"]["schemas"]
    assert all(re.fullmatch(r"[\w.-]+", name, re.ASCII) for name in schemas)
    found = {name.rpartition("/")[2] for name in references(schemas)}
    assert found <= set(schemas)
    for entry in (first, second):
        assert len([name for name in schemas if name.startswith(f"{entry.label}.")]) == 2
        payload = {**schemas[entry.label], "components": described["components"]}
        jsonschema.validate(dict(entry.example), payload)
