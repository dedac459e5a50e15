"""Real servers with a wrong policy, as a command meets them."""

from __future__ import annotations

import pytest
import redis as client_library

from tests.integration.deployment import Deployment
from tests.servers import BusServer
from tests.waiting import eventually

COMMANDS = (["setup_streams"], ["runworkers", "--once"], ["runscheduler"])


@pytest.fixture
def evicting(tmp_path: object, own_valkey: BusServer) -> Deployment:
    """A deployment whose bus server drops keys when its memory is full."""
    with client_library.Redis.from_url(own_valkey.url) as admin:
        admin.config_set("maxmemory-policy", "allkeys-lru")
    return Deployment(tmp_path, own_valkey)  # type: ignore[arg-type]


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])
def test_a_server_that_would_drop_events_is_refused(evicting: Deployment, words: list[str]) -> None:
    done = evicting.manage(*words)

    assert done.returncode == 1
    assert "CONFIG SET maxmemory-policy noeviction" in done.stdout + done.stderr


def test_what_the_server_says_of_itself_is_read(opened: object, valkey_server: BusServer) -> None:
    from dataclasses import replace

    from events.conf import bus_settings
    from events.transport import redis

    transport = redis.open_transport(replace(bus_settings(), redis_url=valkey_server.url))
    found = eventually(transport.inspector.server)
    redis.close_transport(transport)

    assert (found.name, found.policy, found.append_only) == ("Valkey", "noeviction", True)
