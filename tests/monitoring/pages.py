"""Reading a page in a test."""

from __future__ import annotations

import html
import re

from django.http import HttpResponse
from django.test import Client


def text_of(answer: HttpResponse) -> str:
    """What somebody reads on the page: no tags, single spaces."""
    body = re.sub(r"<(script|style|svg)\b.*?</\1>", " ", answer.content.decode(), flags=re.DOTALL)
    words = html.unescape(re.sub(r"<[^>]+>", " ", body))
    return " ".join(words.split())


def main_of(answer: HttpResponse) -> str:
    """What somebody reads in the main part of the page."""
    _, found, rest = answer.content.decode().partition('id="main"')
    assert found, "the page has no main part"
    part = HttpResponse(rest.partition("</main>")[0].partition(">")[2])
    return text_of(part)


def read(client: Client, path: str, status: int = 200, **headers: str) -> str:
    """The main part of a page as text."""
    answer = client.get(path, headers=headers)
    assert answer.status_code == status, answer.content[:500]
    return main_of(answer)  # type: ignore[arg-type]


def fragment(client: Client, path: str, target: str, status: int = 200) -> str:
    """The source of a fragment as htmx asks for it; it must have one root with the target's id."""
    answer = client.get(path, headers={"HX-Request": "true", "HX-Target": target})
    assert answer.status_code == status
    source: str = answer.content.decode().strip()
    assert "<html" not in source
    return source
