import pytest
from django.core.exceptions import BadRequest
from django.http import QueryDict
from pydantic import BaseModel, Field

from monitoring import params


class Shown(BaseModel):
    q: str = ""
    domain: tuple[str, ...] = ()
    page: int = Field(1, ge=1)


def test_what_is_not_sent_or_empty_has_its_default() -> None:
    assert params.read(Shown, QueryDict("q=&page=")) == Shown()


def test_values_are_converted_and_trimmed() -> None:
    assert params.read(Shown, QueryDict("q=+a+&page=3")) == Shown(q="a", page=3)


def test_many_values_come_by_repetition_or_by_comma() -> None:
    shown = params.read(Shown, QueryDict("domain=trading,nft&domain=user"))

    assert shown.domain == ("trading", "nft", "user")


def test_a_name_nobody_knows_is_ignored() -> None:
    assert params.read(Shown, QueryDict("utm_source=mail")) == Shown()


def test_a_value_that_does_not_fit_is_refused_with_its_name() -> None:
    with pytest.raises(BadRequest, match="page: "):
        params.read(Shown, QueryDict("page=0"))
