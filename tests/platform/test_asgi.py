"""The ASGI application: static files and the origins of websockets."""

from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.management import call_command

from astra_console.asgi import application
from astra_console.static_files import HashedWhenCollected, with_static_files
from events.management.static_collection import collect_when_changed
from tests.asgi_client import get, websocket

HTMX = "django_htmx/htmx-4.min.js"


async def opens(origin: str) -> bool:
    """Whether the origin check lets it through to the routes, of which none fits."""
    socket = websocket(application, "/nowhere/", {"origin": origin})
    await socket.send_input({"type": "websocket.disconnect", "code": 1000})
    try:
        await socket.wait(5)
    except ValueError as no_route:
        return "No route found" in str(no_route)
    assert (await socket.receive_output(5))["type"] == "websocket.close"
    return False


@pytest.mark.parametrize(
    "origin",
    [
        "http://localhost:9000",
        "https://localhost:8000",
        "http://localhost",
        "http://evil.example",
        "http://localhost.evil.example:8000",
        "null",
    ],
)
async def test_a_websocket_of_another_origin_is_refused(origin: str) -> None:
    assert not await opens(origin)


@pytest.mark.parametrize("origin", ["http://localhost:8000", "http://127.0.0.1:8000"])
async def test_a_websocket_of_our_own_origin_gets_through(origin: str) -> None:
    assert await opens(origin)


async def test_static_files_are_served_before_they_are_collected() -> None:
    response = await get(with_static_files(application), f"/static/{HTMX}")

    assert response.status == 200
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["cross-origin-resource-policy"] == "same-origin"
    assert "access-control-allow-origin" not in response.headers


@pytest.fixture
def collected(settings: Any, tmp_path: Path) -> Path:
    settings.STATIC_ROOT = tmp_path
    call_command("collectstatic", interactive=False, verbosity=0)
    return tmp_path


async def test_collected_files_have_names_that_never_change_their_meaning(collected: Path) -> None:
    url = HashedWhenCollected(location=collected).url(HTMX)

    response = await get(with_static_files(application), url)

    assert url != f"/static/{HTMX}"
    assert response.status == 200
    assert "immutable" in response.headers["cache-control"]


def test_files_are_collected_again_only_when_one_changed(settings: Any, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "site.css").write_text("a {}")
    settings.STATICFILES_DIRS, settings.STATIC_ROOT = [source], tmp_path / "collected"

    done = [collect_when_changed(), collect_when_changed()]
    (source / "site.css").write_text("a { color: red }")
    done.append(collect_when_changed())

    assert done == [True, False, True]


def test_before_collection_names_are_plain() -> None:
    assert staticfiles_storage.url("x.css") == "/static/x.css"
