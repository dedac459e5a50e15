"""The map of who says and hears what."""

from __future__ import annotations

import re
from datetime import timedelta
from itertools import pairwise

from django.test import Client
from django.utils import timezone

from events.groups import groups
from events.queries.flow import declared, domains
from monitoring import samples
from monitoring.flow_map import THICKEST, THINNEST, FlowMap, flow_map
from monitoring.readings import readings
from tests.bus_fixture import Bus
from tests.events.conftest import trade


def drawn() -> FlowMap:
    return flow_map(readings.current())


def test_every_domain_and_group_has_a_place_of_its_own(bus: Bus) -> None:
    found = drawn()

    assert [node.name for node in found.domains] == list(domains())
    assert {node.name for node in found.groups} == {group.name for group in groups()}
    for column in (found.domains, found.groups):
        places = sorted(node.y for node in column)
        gaps = [after - before for before, after in pairwise(places)]
        assert min(gaps) > found.node_height
        assert places[0] >= 0
        assert places[-1] + found.node_height <= found.height


def test_a_line_stands_for_what_is_declared_and_nothing_else(bus: Bus) -> None:
    lines = {line.title: line for line in drawn().lines}

    assert "revenue_trackers says Financial.RevenueRecorded" in lines
    reads = lines["revenue_trackers reads NFT.MarketplaceSale"]
    assert (reads.kind, reads.domain) == ("reads", "nft")
    expected = sum(len(flow.reads) + len(flow.says) for flow in declared() if not flow.everything)
    assert len(lines) == expected
    assert not any("metrics_collectors" in title for title in lines)


def test_the_more_flows_the_thicker_a_line(bus: Bus) -> None:
    at = timezone.now() - timedelta(seconds=10)
    samples.record(at, samples.values_of(readings.current()), 0)
    bus.publish(*(trade() for _ in range(200)))
    readings.forget()
    samples.record(at + timedelta(seconds=5), samples.values_of(readings.current()), 0)

    found = drawn()

    widths = {(line.kind, line.domain): line.width for line in found.lines}
    assert THINNEST < widths["reads", "trading"] <= THICKEST
    assert widths["reads", "nft"] == THINNEST
    rates = {node.name: node.rate for node in found.domains}
    assert (rates["trading"], rates["nft"]) == (40.0, 0.0)


def test_every_node_is_a_link_and_the_table_tells_the_same(bus: Bus, viewer: Client) -> None:
    source = viewer.get("/flow/").content.decode()

    svg = source.partition('<svg class="flow"')[2].partition("</svg>")[0]
    links = re.findall(r'<a class="flow-node" href="([^"]+)"', svg)
    assert len(links) == len(domains()) + len(groups())
    for link in links:
        assert viewer.get(link).status_code == 200, link
    row = source.partition('id="flow-revenue_trackers"')[2].partition("</tr>")[0]
    assert 'href="/registry/Trading.TradeExecuted/"' in row
    assert 'href="/registry/Financial.RevenueRecorded/"' in row
