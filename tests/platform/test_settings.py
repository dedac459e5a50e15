"""The environment as the settings read it."""

import os
import re
import runpy
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from astra_console.environment import Environment
from tests.settings import OURS

ROOT = Path(__file__).resolve().parents[2]
PRODUCTION = {
    "ENVIRONMENT": "production",
    "SECRET_KEY": "k" * 60,
    "ALLOWED_HOSTS": "console.example.com",
    "ORIGINS": "https://console.example.com",
}


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Run settings.py afresh with these variables and no others of ours."""
    for name in OURS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DATA_DIR", str(tmp_path))

    def load(**variables: str) -> dict[str, Any]:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return runpy.run_path(str(ROOT / "astra_console" / "settings.py"))

    return load


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("PORT", "eighty", "PORT must be a whole number from 1 to 65535, not 'eighty'."),
        ("PORT", "70000", "PORT must be a whole number from 1 to 65535, not '70000'."),
        ("SIMULATE", "-1", "SIMULATE must be a number from 0 to 10000, not '-1'."),
        ("SIMULATE", "nan", "SIMULATE must be a number from 0 to 10000, not 'nan'."),
        (
            "APPS",
            "json, shipments",
            "APPS must be Django apps in Python's path, separated by commas, not 'shipments'.",
        ),
        (
            "ASTRA_FAULTS",
            "reject:5",
            "ASTRA_FAULTS: 'reject:5' is not a fault; write reject:SHARE or retry:SHARE "
            "with a share from 0 to 1, separated by commas.",
        ),
        ("HTTPS", "maybe", "HTTPS must be 1 or 0, not 'maybe'."),
        (
            "ENVIRONMENT",
            "prod",
            "ENVIRONMENT must be one of development, staging, production, not 'prod'.",
        ),
        (
            "ORIGINS",
            "console.example.com",
            "ORIGINS must be origins such as https://console.example.com,"
            " not 'console.example.com'.",
        ),
        (
            "REDIS_URL",
            "http://user:secret@host",
            "REDIS_URL must be a URL that begins with one of redis://, rediss://, unix://.",
        ),
        (
            "DATABASE_URL",
            "mysql://user:secret@host/db",
            "DATABASE_URL must be a URL that begins with one of sqlite://, postgres://,"
            " postgresql://.",
        ),
        (
            "ASTRA_TRANSPORT",
            "rabbit",
            "ASTRA_TRANSPORT must be one of redis, memory, not 'rabbit'.",
        ),
        ("ASTRA_LEASE_S", "0", "ASTRA_LEASE_S must be a number from 1 to 3600, not '0'."),
        (
            "DATA_DIR",
            "/proc/nowhere",
            "DATA_DIR must be a folder that can be written to, not '/proc/nowhere': "
            "No such file or directory.",
        ),
        (
            "DATA_DIR",
            "manage.py",
            "DATA_DIR must be a folder that can be written to, not 'manage.py' "
            f"({ROOT / 'manage.py'}): it is a file.",
        ),
        (
            "DATA_DIR",
            f"{ROOT}/manage.py/data",
            f"DATA_DIR must be a folder that can be written to, not '{ROOT}/manage.py/data': "
            "Not a directory.",
        ),
        (
            "DATA_DIR",
            "/proc",  # there, but nobody can make a file in it, not even root
            "DATA_DIR must be a folder that can be written to, not '/proc': "
            "No such file or directory.",
        ),
        (
            "DATA_DIR",
            "~nobody-is-called-so/data",
            "DATA_DIR must be a folder that can be written to, not '~nobody-is-called-so/data': "
            "Could not determine home directory.",
        ),
        (
            "STATIC_ROOT",
            "README.md",
            f"STATIC_ROOT must be a folder that can be written to, not 'README.md' "
            f"({ROOT / 'README.md'}): it is a file.",
        ),
        (
            "ENVIRONMENT",
            "staging",
            "ALLOWED_HOSTS must name the console's hosts when ENVIRONMENT is staging.",
        ),
    ],
)
def test_a_wrong_value_is_one_sentence_that_names_the_variable(
    load: Any, name: str, value: str, sentence: str
) -> None:
    with pytest.raises(ImproperlyConfigured) as refusal:
        load(**{name: value})

    assert str(refusal.value) == sentence


def test_a_data_folder_that_nothing_is_kept_in_need_not_be_written_to(load: Any) -> None:
    """A container whose key and database are elsewhere may have a disk that is only read."""
    elsewhere = {"SECRET_KEY": "k" * 60, "DATABASE_URL": "postgresql://astra@sql/astra"}

    settings = load(DATA_DIR="/proc", STATIC_ROOT=str(ROOT / "static"), **elsewhere)

    assert str(settings["DATA_DIR"]) == "/proc"


def test_production_wants_a_secret_key(load: Any) -> None:
    with pytest.raises(ImproperlyConfigured, match="SECRET_KEY must be set"):
        load(**PRODUCTION | {"SECRET_KEY": ""})


def test_nothing_set_is_enough_to_start(load: Any, tmp_path: Path) -> None:
    settings = load()

    assert settings["PORT"] == 8000
    assert settings["REDIS_URL"] == f"unix://{tmp_path}/bus.sock"
    assert settings["DATABASES"]["default"]["NAME"] == f"{tmp_path}/astra.sqlite3"
    assert settings["ORIGINS"] == ["http://localhost:8000", "http://127.0.0.1:8000"]
    assert settings["ASTRA"]["faults"] == ""


def test_up_injects_a_few_faults_unless_told_otherwise(load: Any) -> None:
    assert load()["UP_DEFAULTS"]["ASTRA_FAULTS"] == "reject:0.0003,retry:0.003"
    assert "ASTRA_FAULTS" not in load(ASTRA_FAULTS="")["UP_DEFAULTS"]


def test_the_secret_key_is_made_once_and_kept(load: Any, tmp_path: Path) -> None:
    first = load()["SECRET_KEY"]

    assert len(first) >= 60
    assert load()["SECRET_KEY"] == first
    assert (tmp_path / "secret-key").stat().st_mode & 0o777 == 0o600


def test_a_folder_whose_path_is_too_long_for_a_socket_gets_one_elsewhere(
    load: Any, tmp_path: Path
) -> None:
    settings = load(DATA_DIR=str(tmp_path / ("deep" * 30)))

    assert len(os.fsencode(settings["BUS_SOCKET"])) <= 100
    assert str(settings["BUS_SOCKET"]) in settings["REDIS_URL"]


def test_cookies_are_host_bound_under_tls_and_plain_without(load: Any) -> None:
    assert load()["SESSION_COOKIE_NAME"] == "astra_session"

    settings = load(**PRODUCTION)

    assert settings["SESSION_COOKIE_NAME"] == "__Host-astra_session"
    assert settings["CSRF_COOKIE_NAME"] == "__Host-astra_csrf"
    assert settings["SESSION_COOKIE_SECURE"]
    assert settings["SECURE_SSL_REDIRECT"]


def test_pages_may_open_websockets_of_the_origins_only(load: Any) -> None:
    directives = load(**PRODUCTION)["CONTENT_SECURITY_POLICY"]["DIRECTIVES"]

    assert directives["connect-src"] == ["'self'", "wss://console.example.com"]


def test_postgresql_is_used_through_a_pool(load: Any) -> None:
    database = load(DATABASE_URL="postgresql://astra@host/astra", DATABASE_POOL="7")["DATABASES"]

    assert database["default"]["OPTIONS"]["pool"]["max_size"] == 7


def test_the_cache_may_live_on_another_server_than_the_bus(load: Any) -> None:
    settings = load(REDIS_URL="redis://bus:6379/0", REDIS_CACHE_URL="redis://cache:6379/0")

    assert settings["ASTRA"]["redis_url"] == "redis://bus:6379/0"
    assert settings["CACHES"]["default"]["LOCATION"] == "redis://cache:6379/0"
    (layer,) = settings["CHANNEL_LAYERS"]["default"]["CONFIG"]["hosts"]
    assert layer["address"] == "redis://cache:6379/0"


def test_an_empty_value_counts_as_unset() -> None:
    env = Environment({"PORT": " ", "ORIGINS": " , "})

    assert env.integer("PORT", 8000, least=1, most=65535) == 8000
    assert env.origins("ORIGINS") == []


def test_every_variable_the_settings_read_is_in_the_example() -> None:
    text = (ROOT / "astra_console" / "settings.py").read_text()

    read = set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', text))

    assert read == OURS


def test_crashes_on_purpose_are_refused_in_production(load: Any) -> None:
    assert load(ASTRA_CRASH="in-trim:kill")["ASTRA"]["crash"] == "in-trim:kill"

    with pytest.raises(ImproperlyConfigured, match="ASTRA_CRASH ends processes on purpose"):
        load(**PRODUCTION, ASTRA_CRASH="in-trim:kill")


def test_a_wrong_crash_is_refused_with_what_to_write(load: Any) -> None:
    with pytest.raises(ImproperlyConfigured, match="'in-trim:explode' is not a crash; write POINT"):
        load(ASTRA_CRASH="in-trim:explode")
