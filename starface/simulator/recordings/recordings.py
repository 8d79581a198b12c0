"""What a PBX sent, as files; and sending them again."""

import itertools
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import httpx

from starface.simulator.recordings.pseudonyms import Pseudonyms

HEADERS = ("content-type", "user-agent", "accept", "accept-encoding", "connection", "soapaction")
_USER = "de.vertico.starface.user"


class RecordingUnreadable(Exception):
    """A file is not a recording; the message names it."""


@dataclass(frozen=True)
class Recording:
    """One request of a PBX, and what it was answered; without a person in it."""

    at: str
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: str
    encoding: str = "utf-8"
    answer: dict[str, str | int] = field(default_factory=dict)

    def write(self, folder: Path, number: int) -> Path:
        """Write it into a folder; a file that exists is not written over."""
        for free in itertools.count(number):
            path = folder / f"{free:04d}-{self._what()}.json"
            if not any(folder.glob(f"{free:04d}-*.json")):
                path.write_text(json.dumps(asdict(self), ensure_ascii=False, indent=2) + "\n")
                return path
        raise AssertionError

    def _what(self) -> str:
        name = self.body.partition("<methodName>")[2].partition("<")[0].rpartition(".")[2]
        return name if name.isalnum() else self.method.lower()


def recording(
    at: datetime,
    request: tuple[str, str, dict[str, str], dict[str, str], bytes],
    answer: tuple[int, str, bytes],
    pseudonyms: Pseudonyms,
) -> Recording:
    """Make a recording of a request (method, path, query, headers, body) and its answer."""
    method, path, query, headers, body = request
    text, encoding = _text(body)
    status, content_type, answered = answer
    return Recording(
        at=at.isoformat(timespec="milliseconds"),
        method=method,
        path=pseudonyms.path(path),
        query=pseudonyms.query(query),
        headers={name: headers[name] for name in HEADERS if name in headers},
        body=pseudonyms.body(text),
        encoding=encoding,
        answer={
            "status": status,
            "content-type": content_type,
            "body": pseudonyms.body(_text(answered)[0]),
        },
    )


def read(files: list[Path]) -> Iterator[Recording]:
    """Read recordings in the order of their names; raise RecordingUnreadable."""
    for path in sorted(files):
        try:
            yield Recording(**json.loads(path.read_text()))
        except (OSError, ValueError, TypeError) as error:
            raise RecordingUnreadable(f"{path} is not a recording: {error}") from error


def send(recording: Recording, to: str, client: httpx.Client, user: str | None) -> int:
    """Send a recording to an address; return the status of the answer.

    Its login and token are nobody's; the address says whose it is now, and `user` if wanted.
    """
    url = urlsplit(to)
    query = dict(parse_qsl(url.query)) | ({_USER: user} if user else {})
    target = urlunsplit((url.scheme, url.netloc, url.path, urlencode(query), ""))
    headers = {name: value for name, value in recording.headers.items() if name != "connection"}
    body = recording.body.encode(recording.encoding)
    return client.request(recording.method, target, headers=headers, content=body).status_code


def _text(body: bytes) -> tuple[str, str]:
    try:
        return body.decode(), "utf-8"
    except UnicodeDecodeError:
        return body.decode("latin-1"), "latin-1"
