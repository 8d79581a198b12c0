"""The page a person sees: its files, its texts, and what an error looks like in a browser."""

import gzip
import hashlib
import json
from pathlib import Path

import falcon
import falcon.asgi

from texts import LANGUAGES, Language, catalogue

PAGE = Path(__file__).parent / "page"
_KINDS = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
}


class PageFile:
    """One file; the browser keeps it and asks whether it has changed."""

    def __init__(self, path: Path) -> None:
        self._keep(path.read_bytes(), path.suffix)

    def _keep(self, content: bytes, suffix: str) -> None:
        self._content, self._packed = content, gzip.compress(content, mtime=0)
        self._kind = _KINDS[suffix]
        self._tag = f'W/"{hashlib.sha256(content).hexdigest()[:20]}"'

    async def on_get(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        """Return the file, or that it has not changed."""
        resp.cache_control = ["no-cache"]
        resp.set_header("ETag", self._tag)
        if self._tag in (req.get_header("If-None-Match") or ""):
            resp.status = falcon.HTTP_304
            return
        resp.content_type = self._kind
        resp.append_header("Vary", "Accept-Encoding")
        resp.data = self._content
        if "gzip" in (req.get_header("Accept-Encoding") or ""):
            resp.set_header("Content-Encoding", "gzip")
            resp.data = self._packed


class PageTexts(PageFile):
    """The sentences of the page in one language."""

    def __init__(self, texts: dict[str, str]) -> None:
        self._keep(json.dumps(texts, ensure_ascii=False).encode(), ".json")


def add_page(app: "falcon.asgi.App[falcon.asgi.Request, falcon.asgi.Response]") -> None:
    """Add the routes of all files of the page."""
    for path in sorted(PAGE.rglob("*")):
        if path.is_file():
            app.add_route(f"/{path.relative_to(PAGE).as_posix()}", PageFile(path))
    for language in LANGUAGES:
        app.add_route(f"/texts/{language}.json", PageTexts(_texts(language)))
    index = PageFile(PAGE / "index.html")
    app.add_route("/", index)
    app.add_route("/dial", index)
    app.add_route("/dial/token", PageFile(PAGE / "dial.html"))


def _texts(language: Language) -> dict[str, str]:
    prefix = "panel."
    return {
        key.removeprefix(prefix): text
        for key, text in catalogue(language).items()
        if key.startswith(prefix)
    }


def serialize_error(
    req: falcon.asgi.Request, resp: falcon.asgi.Response, error: falcon.HTTPError
) -> None:
    """Write an error as JSON for a program, and as a small page for a person."""
    if "text/html" in (req.get_header("Accept") or ""):
        resp.content_type = "text/html; charset=utf-8"
        page = (PAGE / "error.html").read_text(encoding="utf-8")
        page = page.replace("{status}", str(error.status)[:3])
        resp.text = page.replace("{root}", req.root_path)
    else:
        resp.content_type = "application/json"
        resp.data = error.to_json()
    resp.append_header("Vary", "Accept")
