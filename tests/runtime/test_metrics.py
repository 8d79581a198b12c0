import os
import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from runtime.metrics import METRICS, Metrics, exposition, of_others
from tests.conftest import ROOT


def test_what_is_counted_is_read_by_prometheus() -> None:
    metrics = Metrics("dial")
    for outcome in ("connected", "refused", "connected"):
        metrics.count("dial_results_total", outcome=outcome)
    metrics.set("broker_connected", 1)

    families = {each.name: each for each in text_string_to_metric_families(_shown(metrics))}

    results = families["starface2mqtt_dial_results"]
    assert results.type == "counter"
    assert {(each.labels["outcome"], each.value) for each in results.samples} == {
        ("connected", 2.0),
        ("refused", 1.0),
    }
    [connected] = families["starface2mqtt_broker_connected"].samples
    assert (connected.labels, connected.value) == ({"process": "dial"}, 1.0)


@pytest.mark.parametrize("text", ['a"b', "a\\b", "a\nb"])
def test_a_label_may_hold_anything(text: str) -> None:
    metrics = Metrics("x")
    metrics.set("users", 1, state=text)

    families = text_string_to_metric_families(_shown(metrics))

    [sample] = [s for each in families if each.name == "starface2mqtt_users" for s in each.samples]
    assert sample.labels["state"] == text


def test_what_is_no_more_is_not_shown_any_more() -> None:
    metrics = Metrics("sessions")
    metrics.replace("users", [({"state": "active"}, 2), ({"state": "failing"}, 1)])
    metrics.replace("users", [({"state": "active"}, 3)])

    assert [each for each in _shown(metrics).splitlines() if "_users{" in each] == [
        'starface2mqtt_users{process="sessions",state="active"} 3'
    ]


def test_the_processes_of_a_machine_are_shown_together(tmp_path: Path) -> None:
    for process in ("caller", "dial"):
        metrics = Metrics(process)
        metrics.set("broker_connected", 1)
        metrics.write(tmp_path)

    shown = exposition(of_others(tmp_path))

    assert shown.count("# TYPE starface2mqtt_broker_connected gauge") == 1
    assert 'starface2mqtt_broker_connected{process="caller"} 1' in shown
    assert 'starface2mqtt_broker_connected{process="dial"} 1' in shown
    assert {path.stat().st_mode & 0o077 for path in (tmp_path / "metrics").iterdir()} <= {0, 0o44}


def test_processes_of_one_kind_are_counted_together() -> None:
    first, second = Metrics("caller"), Metrics("caller")
    for metrics, connected in ((first, 1), (second, 0)):
        metrics.count("lookups_total", quality="exact")
        metrics.set("broker_connected", connected)

    shown = exposition([*first.samples(), *second.samples()])

    assert 'starface2mqtt_lookups_total{process="caller",quality="exact"} 2' in shown
    assert 'starface2mqtt_broker_connected{process="caller"} 0' in shown


def test_a_process_that_is_gone_is_not_shown_nor_is_a_broken_file(tmp_path: Path) -> None:
    metrics = Metrics("caller")
    metrics.write(tmp_path)
    [path] = (tmp_path / "metrics").iterdir()
    os.utime(path, (0, 0))
    (tmp_path / "metrics" / "dial.json").write_text("{")
    (tmp_path / "metrics" / "panel.json").write_text("[1]")

    assert list(of_others(tmp_path)) == []


def test_a_process_whose_values_stay_the_same_is_still_shown(tmp_path: Path) -> None:
    metrics = Metrics("caller")
    metrics.write(tmp_path)
    [path] = (tmp_path / "metrics").iterdir()
    os.utime(path, (0, 0))
    metrics.write(tmp_path)

    assert list(of_others(tmp_path)) == metrics.samples()


def test_every_metric_that_is_counted_is_described() -> None:
    used: set[str] = set()
    for package in ("consumers", "gateway", "panel"):
        for path in (ROOT / package).rglob("*.py"):
            used |= set(
                re.findall(r"metrics\.(?:count|set|replace)\(\s*\"(\w+)\"", path.read_text())
            )

    assert used <= set(METRICS)


def _shown(metrics: Metrics) -> str:
    return exposition(metrics.samples())
