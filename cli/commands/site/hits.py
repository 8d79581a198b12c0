"""How often the gateway of this machine was asked by HTTP: the office's test of its firewall."""

import httpx
from prometheus_client.parser import text_string_to_metric_families

HITS = "starface2mqtt_gateway_http_hits"


def http_hits(operations: str) -> int | None:
    """Return the total of HTTP hits, None where no gateway runs on this machine."""
    if not operations:
        return None
    try:
        answer = httpx.get(f"http://{operations}/metrics", timeout=2)
    except httpx.HTTPError:
        return None
    for family in text_string_to_metric_families(answer.text):
        if family.name == HITS:
            return int(family.samples[0].value)
    return None
