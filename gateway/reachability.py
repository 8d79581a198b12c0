"""The page that shows that the gateway can be reached: open it from the network of the PBX."""

import html
import json
import socket
import time
from datetime import UTC, datetime

import falcon

from gateway.eventlog.counters import VISITS
from gateway.eventlog.file import LogUnavailable
from gateway.eventlog.writer import EventLog
from gateway.source_addresses import SourceAddress, SourceAddresses
from texts import LANGUAGES, Language, known_language, preferred, render

_PAGE = """<!doctype html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{title_label}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 1.05rem/1.5 system-ui, sans-serif; max-width: 36rem; margin: 12vh auto 0;
        padding: 0 1.5rem; }}
h1 {{ font-size: 1.5rem; margin: 0 0 .5rem; }}
h1::before {{ content: ""; display: inline-block; width: .8rem; height: .8rem;
              margin-right: .6rem; border-radius: 50%; background: #1a7f37; }}
dl {{ display: grid; grid-template-columns: auto 1fr; gap: .35rem 1.5rem; margin: 1.5rem 0; }}
dt {{ opacity: .75; }}
dd {{ margin: 0; font-variant-numeric: tabular-nums; font-weight: 600; }}
nav a {{ margin-right: 1rem; }}
</style>
</head>
<body>
<main>
<h1>{title_label}</h1>
<p>{sentence}</p>
<dl>
<dt>{hits_label}</dt><dd id="hits">{hits}</dd>
<dt>{visits_label}</dt><dd id="visits">{visits}</dd>
<dt>{notifications_label}</dt><dd id="notifications">{notifications}</dd>
<dt>{last_label}</dt><dd>{last}</dd>
<dt>{address_label}</dt><dd>{address}</dd>
</dl>
<p>{advice_label}</p>
</main>
<nav>{others}</nav>
</body>
</html>
"""
_NAMES = {"de": "Deutsch", "en": "English", "fr": "Français", "it": "Italiano"}
_LABELS = ("title", "hits", "visits", "notifications", "last", "address", "advice")
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"


class Reachability:
    """The page at `/`, for a person or as JSON."""

    def __init__(self, events: EventLog, sources: SourceAddresses) -> None:
        self._events = events
        self._sources = sources

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer that it works, how often it was reached, and from where this time."""
        self._events.counters.count(VISITS)
        self.on_head(req, resp)

    def on_head(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer without counting: monitoring is no visit."""
        visits, notifications, last = self._totals()
        source = self._sources.of(req.remote_addr, req.get_header("X-Forwarded-For"))
        resp.vary = ["Accept", "Accept-Language"]
        if req.client_prefers(["text/html", "application/json"]) == "application/json":
            fields = {
                "status": "ok",
                "hits": visits + notifications,
                "visits": visits,
                "notifications": notifications,
                "last_notification": _at(last).isoformat() if last else None,
                "your_address": str(source) if source else None,
            }
            resp.content_type = falcon.MEDIA_JSON
            resp.text = json.dumps(fields) + "\n"
            return
        language = known_language(req.params.get("lang")) or preferred(
            req.get_header("Accept-Language")
        )
        resp.content_type = falcon.MEDIA_HTML
        resp.set_header("Content-Language", language)
        resp.set_header("Content-Security-Policy", _POLICY)
        resp.set_header("X-Content-Type-Options", "nosniff")
        resp.text = _PAGE.format(
            language=language,
            hits=visits + notifications,
            visits=visits,
            notifications=notifications,
            last=html.escape(_ago(last, language) if last else render("gateway.never", language)),
            address=html.escape(str(source or "?")),
            others=" ".join(_link(code) for code in LANGUAGES if code != language),
            sentence=render(
                "gateway.from-here" if _is_this_machine(source) else "gateway.sentence", language
            ),
            **{f"{key}_label": render(f"gateway.{key}", language) for key in _LABELS},
        )

    def _totals(self) -> tuple[int, int, float | None]:
        try:
            return self._events.totals()
        except LogUnavailable:
            return 0, 0, None


def _is_this_machine(source: SourceAddress | None) -> bool:
    """Return whether an address is one of our own, so that it proves nothing of the network."""
    if source is None or source.is_loopback:
        return source is not None
    family = socket.AF_INET if source.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((str(source), 0))
        except OSError:
            return False
    return True


def _ago(at: float, language: Language) -> str:
    """Return how long ago something was."""
    count, unit = max(0, int(time.time() - at)), "seconds"
    for size, larger in ((60, "minutes"), (60, "hours"), (24, "days")):
        if count < 2 * size:
            break
        count, unit = count // size, larger
    return render(f"gateway.ago.{unit}", language, count=count)


def _link(code: Language) -> str:
    return f'<a href="?lang={code}" hreflang="{code}">{_NAMES[code]}</a>'


def _at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
