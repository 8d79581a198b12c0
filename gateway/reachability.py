"""The page that shows that the gateway can be reached: open it from the network of the PBX."""

import html
import json
import time
from datetime import UTC, datetime
from typing import Protocol

import falcon

from gateway.eventlog.file import LogUnavailable
from gateway.source_addresses import SourceAddresses
from texts import LANGUAGES, Language, known_language, preferred, render

_PAGE = """<!doctype html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{title}</title>
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
<h1>{title}</h1>
<p>{sentence}</p>
<dl>
<dt>{hits_label}</dt><dd id="hits">{hits}</dd>
<dt>{last_label}</dt><dd>{last}</dd>
<dt>{address_label}</dt><dd>{address}</dd>
</dl>
<p>{advice}</p>
</main>
<nav>{others}</nav>
</body>
</html>
"""
_NAMES = {"de": "Deutsch", "en": "English", "fr": "Français", "it": "Italiano"}
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"


class Totals(Protocol):
    """Whoever knows what came in so far."""

    def totals(self) -> tuple[int, int, float | None]:
        """Return HTTP requests, notifications, and the time of the last one."""


class Reachability:
    """The page at `/`, for a person or as JSON."""

    def __init__(self, totals: Totals, sources: SourceAddresses) -> None:
        self._totals = totals
        self._sources = sources

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Tell that it works, how often it was asked, and from where this time."""
        hits, notifications, last = self._counted()
        source = self._sources.of(req.remote_addr, req.get_header("X-Forwarded-For"))
        resp.vary = ["Accept", "Accept-Language"]
        if req.client_prefers(["text/html", "application/json"]) == "application/json":
            fields = {
                "status": "ok",
                "hits": hits,
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
            hits=hits,
            last=html.escape(_ago(last, language) if last else render("gateway.never", language)),
            address=html.escape(str(source or "?")),
            others=" ".join(_link(code) for code in LANGUAGES if code != language),
            title=render("gateway.title", language),
            sentence=render("gateway.sentence", language),
            hits_label=render("gateway.hits", language),
            last_label=render("gateway.last", language),
            address_label=render("gateway.address", language),
            advice=render("gateway.advice", language),
        )

    on_head = on_get

    def _counted(self) -> tuple[int, int, float | None]:
        try:
            return self._totals.totals()
        except LogUnavailable:
            return 0, 0, None


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
