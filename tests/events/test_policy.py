"""What the bus server must be like, and what is said where it is not."""

from __future__ import annotations

import pytest

from events.errors import ConfigurationError
from events.policy import check_server
from events.transport.base import ServerInfo


def server(name: str = "Valkey", version: str = "9.0.1", **facts: object) -> ServerInfo:
    given = {"policy": "noeviction", "append_only": True, **facts}
    return ServerInfo(name, version, 0, 0, 0, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "right",
    [
        server(),
        server("Redis", "7.0.15"),
        server("Valkey", "7.2.0"),
        ServerInfo("memory", "1", 0, 0, 0, "noeviction"),
    ],
)
def test_a_right_server_is_taken_in_silence(right: ServerInfo) -> None:
    assert check_server(right, production=True) == []


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl", "allkeys-random"])
def test_a_server_that_drops_keys_is_refused_with_what_to_set(policy: str) -> None:
    with pytest.raises(ConfigurationError, match="CONFIG SET maxmemory-policy noeviction") as told:
        check_server(server(policy=policy), production=False)

    assert policy in str(told.value)


@pytest.mark.parametrize(("name", "version"), [("Redis", "6.2.14"), ("Valkey", "7.1.9")])
def test_a_server_too_old_is_refused_with_the_oldest_that_does(name: str, version: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"{name} {version}.*{name} 7\.\d or newer"):
        check_server(server(name, version), production=False)


def test_a_server_without_a_file_is_told_in_development_and_refused_in_production() -> None:
    (sentence,) = check_server(server(append_only=False), production=False)

    assert "CONFIG SET appendonly yes" in sentence
    with pytest.raises(ConfigurationError, match="keeps nothing on disk"):
        check_server(server(append_only=False), production=True)
