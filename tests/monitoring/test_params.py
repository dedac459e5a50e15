from typing import Literal, Self

import pytest
from django.core.exceptions import BadRequest
from django.http import QueryDict
from pydantic import BaseModel, Field, model_validator

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
    with pytest.raises(BadRequest, match=r"^page: Input should be greater than or equal to 1$"):
        params.read(Shown, QueryDict("page=0"))


def test_a_value_in_a_list_is_refused_with_the_name_of_the_list() -> None:
    class Chosen(BaseModel):
        kind: tuple[Literal["a", "b"], ...] = ()

    with pytest.raises(BadRequest, match=r"^kind: Input should be 'a' or 'b'$"):
        params.read(Chosen, QueryDict("kind=a,c"))


def test_what_a_page_itself_refuses_is_told_in_its_own_words() -> None:
    class Range(BaseModel):
        since: int = 0

        @model_validator(mode="after")
        def _forwards(self) -> Self:
            raise ValueError("it ends before it begins")

    with pytest.raises(BadRequest, match=r"^request: it ends before it begins$"):
        params.read(Range, QueryDict("since=7"))


def test_a_nul_is_refused_before_a_database_does() -> None:
    with pytest.raises(BadRequest, match=r"^q: holds a NUL character; leave it out$"):
        params.read(Shown, QueryDict("q=a%00b"))
