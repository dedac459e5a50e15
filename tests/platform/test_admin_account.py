"""The account `admin` that a first start makes."""

from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command

from events.management.first_start import ensure_admin
from tests.bus_fixture import Bus

pytestmark = pytest.mark.django_db


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """Where a random password would be kept."""
    return tmp_path / "admin-password"


def test_the_first_start_makes_a_superuser_with_a_random_password(kept: Path) -> None:
    password = ensure_admin("", kept)

    admin = User.objects.get(username="admin")
    assert admin.is_superuser
    assert admin.check_password(password)
    assert kept.read_text().strip() == password
    assert kept.stat().st_mode & 0o777 == 0o600


def test_the_second_start_tells_the_same_password(kept: Path) -> None:
    assert ensure_admin("", kept) == ensure_admin("", kept)


def test_a_password_changed_later_is_left_alone(kept: Path) -> None:
    ensure_admin("", kept)
    admin = User.objects.get(username="admin")
    admin.set_password("my own")
    admin.save()

    told = ensure_admin("", kept)

    assert told == "as you changed it"
    assert User.objects.get(username="admin").check_password("my own")


def test_a_given_password_is_set_and_never_written_down(kept: Path) -> None:
    ensure_admin("", kept)
    kept.unlink()

    told = ensure_admin("chosen", kept)

    assert "chosen" not in told
    assert not kept.exists()
    assert User.objects.get(username="admin").check_password("chosen")


def test_setting_up_twice_changes_nothing(bus: Bus) -> None:
    said = [StringIO(), StringIO()]
    call_command("setup_console", stdout=said[0])
    before = User.objects.get(username="admin").password

    call_command("setup_console", stdout=said[1])

    assert said[0].getvalue() == said[1].getvalue() == "database ready\nstreams and groups ready\n"
    assert User.objects.get(username="admin").password == before
    (settings.DATA_DIR / "admin-password").unlink()
