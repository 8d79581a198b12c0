"""The control door from the other side: what the commands say to a stand-in that runs."""

from typing import Any

import httpx

DEFAULT = "http://127.0.0.1:8071"


class ControlDoorClosed(Exception):
    """No stand-in answers at the control door."""


class ActRefused(Exception):
    """The stand-in does not do it; the argument is its sentence."""


class ControlClient:
    """Reads and drives one stand-in."""

    def __init__(self, url: str = DEFAULT) -> None:
        self._url = url.rstrip("/")
        self._client = httpx.Client(timeout=10)

    def __enter__(self) -> "ControlClient":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def see(self, what: str) -> Any:
        """Return what the door shows."""
        return self._answer("GET", what, None)

    def do(self, act: str, **values: Any) -> Any:
        """Have something done; None says nothing."""
        said = {name: value for name, value in values.items() if value is not None}
        return self._answer("POST", f"do/{act}", said)

    def _answer(self, method: str, path: str, values: dict[str, Any] | None) -> Any:
        try:
            answer = self._client.request(method, f"{self._url}/{path}", json=values)
            said = answer.json()
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise ControlDoorClosed(
                f"no stand-in STARFACE answers at {self._url}; start one with "
                "`starface2mqtt simulate run`, or name its door with --control URL"
            ) from error
        if answer.is_error:
            raise ActRefused(
                str(said.get("description") or said.get("title") or answer.status_code)
            )
        return said
