"""The servers that other tests stand on."""

import psycopg
import redis

from tests.servers import BusServer


def version(server: BusServer) -> dict[str, str]:
    with redis.Redis.from_url(server.url, decode_responses=True) as client:
        return client.info("server")


def test_the_bundled_server_is_a_valkey_9(valkey_server: BusServer) -> None:
    about = version(valkey_server)

    assert about["server_name"] == "valkey"
    assert about["valkey_version"].startswith("9.")


def test_the_oldest_server_we_support_is_tested_too(redis_server: BusServer) -> None:
    assert version(redis_server)["redis_version"].startswith("7.0.")


def test_the_bundled_server_keeps_its_data_through_a_kill(own_valkey: BusServer) -> None:
    with redis.Redis.from_url(own_valkey.url) as client:
        client.xadd("stream", {"field": "value"})

    own_valkey.kill()
    own_valkey.start()

    with redis.Redis.from_url(own_valkey.url) as client:
        assert client.xlen("stream") == 1


def test_the_bundled_server_never_drops_keys(valkey_server: BusServer) -> None:
    with redis.Redis.from_url(valkey_server.url, decode_responses=True) as client:
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.config_get("appendonly") == {"appendonly": "yes"}


def test_postgresql_gives_every_test_an_empty_database(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        assert connection.execute(tables).fetchone() == (0,)
