"""Stands in a PBX's way, takes what it sends, passes it on if wanted, and writes it down."""

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import falcon
import httpx

from starface.simulator.recordings.pseudonyms import Pseudonyms
from starface.simulator.recordings.recordings import recording
from starface.xmlrpc.reading import write_response

log = logging.getLogger(__name__)

_LONGEST = 1024 * 1024
_HOP = frozenset({"host", "content-length", "connection", "transfer-encoding", "accept-encoding"})


class Recorder:
    """Answers every path: yes by itself, or what the real receiver answers."""

    def __init__(
        self,
        folder: Path,
        forward: str | None,
        on_written: Callable[[Path], None],
        pseudonyms: Pseudonyms | None = None,
    ) -> None:
        self._folder = folder
        self._forward = forward
        self._on_written = on_written
        self._pseudonyms = pseudonyms or Pseudonyms()
        self._client = httpx.Client(timeout=5, verify=False, follow_redirects=False)  # noqa: S501  (a PBX's own certificate)
        self._count = 0
        self._lock = threading.Lock()

    def on_any(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Take one request, answer it and write both down."""
        body = req.bounded_stream.read(_LONGEST)
        headers = {name.lower(): value for name, value in req.headers.items()}
        query = {name: str(value) for name, value in req.params.items()}
        status, content_type, answer = self._answer(req, headers, body)
        recorded = recording(
            datetime.now(UTC),
            (req.method, req.path, query, headers, body),
            (status, content_type, answer),
            self._pseudonyms,
        )
        with self._lock:
            self._count += 1
            written = recorded.write(self._folder, self._count)
        self._on_written(written)
        resp.status, resp.content_type, resp.data = str(status), content_type, answer

    def _answer(
        self, req: falcon.Request, headers: dict[str, str], body: bytes
    ) -> tuple[int, str, bytes]:
        if self._forward is None:
            return 200, "text/xml;charset=UTF-8", write_response(True)
        passed = {name: value for name, value in headers.items() if name not in _HOP}
        url = f"{self._forward.rstrip('/')}{req.relative_uri}"
        try:
            answer = self._client.request(req.method, url, headers=passed, content=body)
        except httpx.HTTPError as error:
            log.warning("not passed on reason=%s", type(error).__name__)
            return 502, "text/plain", b"the receiver did not answer\n"
        return answer.status_code, answer.headers.get("content-type", ""), answer.content


def create_recorder(recorder: Recorder) -> falcon.App[falcon.Request, falcon.Response]:
    """Put the recorder behind every path."""
    app = falcon.App()
    app.add_sink(lambda req, resp, **_: recorder.on_any(req, resp))
    return app
