from datetime import UTC, datetime, timedelta

import pytest
from django.template import Context, Template, TemplateSyntaxError
from django.utils import timezone

HOSTILE = '"><script>alert(1)</script>'


def render(text: str, **context: object) -> str:
    return Template("{% load console %}" + text).render(Context(context))


def test_a_relative_time_carries_the_exact_one() -> None:
    at = timezone.now() - timedelta(seconds=90)

    shown = render("{% ago at %}", at=at)

    assert "2\u00a0min ago" in shown
    assert f'datetime="{at.astimezone(UTC).isoformat(timespec="milliseconds")[:-6]}Z"' in shown
    assert "UTC" in shown
    assert "data-ago" in shown


def test_a_time_that_is_not_known_is_a_dash() -> None:
    assert render("{% ago at %}{% clock at %}", at=None) == "——"


def test_a_chip_wears_the_colour_of_its_domain_and_escapes_its_text() -> None:
    assert render('{% chip "nft" %}') == '<span class="chip" data-domain="nft">nft</span>'
    assert HOSTILE not in render("{% chip name %}", name=HOSTILE)


def test_a_status_is_one_of_those_that_have_a_shape() -> None:
    assert render('{% status "bad" "failing" %}') == '<span class="status bad">failing</span>'
    with pytest.raises(TemplateSyntaxError):
        render('{% status "purple" "odd" %}')


def test_only_a_declared_group_has_a_link() -> None:
    shown = render('{% group_name "revenue_trackers" %}')

    assert shown == '<a href="/groups/revenue_trackers/"><code>revenue_trackers</code></a>'
    assert render('{% group_name "long_gone" %}') == "<code>long_gone</code>"
    assert HOSTILE not in render("{% group_name name %}", name=HOSTILE)


def test_ids_are_made_of_harmless_characters() -> None:
    assert render('{% dom_id "group" name %}', name="a b\"c'd") == "group-a_b_c_d"


def test_a_sparkline_has_its_geometry_in_attributes_and_a_title() -> None:
    start = datetime(2026, 7, 1, tzinfo=UTC)
    points = [(start + timedelta(seconds=5 * n), float(n)) for n in range(4)]

    shown = render('{% spark points "Published" "wide bad" %}', points=points)

    assert "<title>Published, last 15\u00a0s: 0 to 3.0, now 3.0</title>" in shown
    assert 'class="spark spark--wide spark--bad"' in shown
    assert "style" not in shown


def test_too_few_points_leave_the_space_and_draw_nothing() -> None:
    assert "<svg" not in render('{% spark points "Published" %}', points=[])


def test_payloads_are_escaped() -> None:
    shown = render("{{ data|pretty }}{{ data|one_line }}{{ data|as_json }}", data={"a": HOSTILE})

    assert "<script>" not in shown


def test_a_long_payload_is_cut_visibly() -> None:
    shown = render("{{ data|one_line }}", data={"a": "x" * 500})

    assert len(shown) < 300
    assert shown.endswith("…")


def test_types_are_shown_without_the_domain_that_stands_beside_them() -> None:
    assert render('{{ "Risk.Limit.Breached"|short_type }}') == "Limit.Breached"
    assert render('{{ "Risk.Limit.Breached"|domain_of }}') == "risk"


def test_figures_may_be_unknown() -> None:
    assert (
        render("{{ x|number }}{{ x|rate }}{{ x|duration }}{{ x|microseconds }}", x=None) == "————"
    )
    assert render('{{ 2|counted:"entry,entries" }}') == "2\u00a0entries"


def test_a_table_of_a_state_has_a_line_for_each_row_and_is_escaped() -> None:
    shown = render("{{ state|state_value }}", state={"STRK": 2, "BTC <b>": "1.50"})

    assert shown == "BTC &lt;b&gt; <b>1.50</b><br>STRK <b>2</b>"
    assert render("{{ state|state_value }}", state={}) == "none"
