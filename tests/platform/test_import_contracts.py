"""The import contracts in pyproject.toml: that they cover every module, new ones too."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


def modules() -> set[str]:
    """Every module at the top of `events`."""
    found = (ROOT / "events").iterdir()
    names = {path.stem for path in found if path.suffix == ".py" or (path / "__init__.py").exists()}
    return {f"events.{name}" for name in names - {"__init__", "apps", "migrations"}}


def forbidden_to(source: str) -> set[str]:
    settings: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
    (contract,) = (
        contract
        for contract in settings["tool"]["importlinter"]["contracts"]
        if contract.get("source_modules") == [source]
    )
    return set(contract["forbidden_modules"])


@pytest.mark.parametrize(
    ("source", "allowed"),
    [
        ("monitoring", {"events.errors", "events.operations", "events.queries"}),
        ("events.domains", {"events.domains"}),
    ],
)
def test_what_is_not_allowed_is_forbidden(source: str, allowed: set[str]) -> None:
    assert forbidden_to(source) == (modules() - allowed) | {"redis"}
