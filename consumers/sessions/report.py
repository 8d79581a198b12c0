"""How the site is as the sessions process sees it: what is wrong for everybody, and its metrics."""

import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from consumers.sessions.callback_check import HttpGateway
from consumers.sessions.site_health import SiteHealth
from consumers.sessions.state_publisher import StatePublisher
from runtime.metrics import Metrics, exposition, of_others


class SiteReport:
    """Filled in the main thread, read in that of the operations endpoint."""

    def __init__(self, data_folder: Path, gateway: HttpGateway) -> None:
        self._metrics = Metrics("sessions")
        self._data_folder = data_folder
        self._gateway = gateway
        self._faults: dict[str, str | None] = {"broker": "not connected yet"}
        self._last_call = 0.0

    def call_came(self) -> None:
        """Note that a call event was published."""
        self._last_call = time.time()

    def fill(
        self, site: SiteHealth, states: StatePublisher, broker: str | None,
        clock_offset: float | None,
    ) -> None:  # fmt: skip
        """Note how everything is now; `broker`: why there is no connection."""
        looks = Counter((health.state, health.link or "") for health in states.shown())
        on = sum(count for (state, _), count in looks.items() if state != "inactive")
        failing = sum(count for (state, _), count in looks.items() if state == "failing")
        callback = site.callback.code if site.callback.known and site.callback.failing else None
        self._faults = {
            "broker": broker,
            "pbx": site.pbx.away,
            "callback": callback,
            "users": f"all {on} users who are on fail" if failing and failing == on else None,
        }
        metrics = self._metrics
        metrics.set("broker_connected", int(broker is None))
        metrics.set("pbx_up", int(site.pbx.away is None))
        metrics.set("callback_up", int(callback is None))
        metrics.set("last_call_timestamp_seconds", self._last_call)
        metrics.replace(
            "users",
            [({"state": state, "link": link}, count) for (state, link), count in looks.items()],
        )
        for name, counts in site.processes().items():
            metrics.replace(name, [({"kind": kind}, count) for kind, count in counts.items()])
        if clock_offset is not None:
            metrics.set("pbx_clock_offset_seconds", clock_offset)
        if (ends := self._gateway.certificate_ends) is not None:
            left = (ends - datetime.now(UTC)).total_seconds() / 86_400
            metrics.set("callback_certificate_days", left)

    def faults(self) -> dict[str, str | None]:
        """Return what the users depend on, with the code of what is wrong there."""
        return self._faults

    def metrics(self) -> str:
        """Return the metrics of this process and of the others of this machine."""
        others = of_others(self._data_folder)
        return exposition([*self._metrics.samples(), *others])
