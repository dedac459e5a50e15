"""The bus as an AsyncAPI document, held against AsyncAPI's own parser."""

from __future__ import annotations

import json
import shutil
import subprocess
from operator import attrgetter
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from events import Event
from events.asyncapi import document
from events.groups import groups
from events.registry import registry

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
