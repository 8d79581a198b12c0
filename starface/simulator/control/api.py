"""The control door: what people do at their telephones, over HTTP.

It is asked by an address, never by a name, and takes JSON only: another site's page in the same
browser must not ring telephones.
"""

from importlib.resources import files
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import falcon
from pydantic import ValidationError

from starface.simulator.control.commands import ACTS
from starface.simulator.control.views import calls, figures, phones, requests
from starface.simulator.model.calls import NoSuchCall, NoSuchGroup, NoSuchUser
from starface.simulator.model.scenarios import NoSuchScenario, described

if TYPE_CHECKING:
    from starface.simulator.control.simulator import Simulator

_SHOWN = 200


class OwnPagesOnly:
    """Refuses requests that a foreign page made the browser send."""

    def process_request(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Look at host and type of a request."""
        if req.host != "localhost" and not _is_address(req.host):
            raise falcon.HTTPForbidden(description="this door is asked by an address, not a name")
        if req.method == "POST" and req.content_type != "application/json":
            raise falcon.HTTPUnsupportedMediaType(description="application/json only")


class ControlPage:
    """A page where a person rings, answers and hangs up by hand."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Return it."""
        resp.content_type = "text/html;charset=UTF-8"
        resp.set_header("Content-Security-Policy", "frame-ancestors 'none'")
        resp.data = (files(__package__) / "page.html").read_bytes()


class ViewEndpoint:
    """What can be seen."""

    def __init__(self, simulator: "Simulator") -> None:
        self._simulator = simulator

    def on_get_phones(self, req: falcon.Request, resp: falcon.Response) -> None:
        """List the users, whether they are logged in, and their calls."""
        resp.media = phones(self._simulator)

    def on_get_calls(self, req: falcon.Request, resp: falcon.Response) -> None:
        """List the running calls."""
        resp.media = calls(self._simulator)

    def on_get_notifications(self, req: falcon.Request, resp: falcon.Response) -> None:
        """List the newest notifications, with the answers."""
        newest = list(self._simulator.notifications)[-(req.get_param_as_int("last") or _SHOWN) :]
        resp.media = [each.as_json() for each in newest]

    def on_get_figures(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Return how many notifications there were, with which answers, and how fast."""
        resp.media = figures(self._simulator, req.get_param_as_int("since") or 0)

    def on_get_requests(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Return how often each method was called, and each call placed."""
        resp.media = requests(self._simulator)

    def on_get_scenarios(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Return the scenarios with a sentence about each."""
        resp.media = described()

    def on_get_switches(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Return all switches."""
        resp.media = self._simulator.switches.model_dump(mode="json")


class CommandEndpoint:
    """What people do: `POST /{act}` with a JSON object."""

    def __init__(self, simulator: "Simulator") -> None:
        self._simulator = simulator

    def on_post(self, req: falcon.Request, resp: falcon.Response, act: str) -> None:
        """Do one thing."""
        if act not in ACTS:
            raise falcon.HTTPNotFound(description=f"no {act!r}; there are: {', '.join(ACTS)}")
        body = req.get_media(default_when_empty={})
        resp.media = ACTS[act].model_validate(body).do(self._simulator)


def _is_address(host: str) -> bool:
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def create_control(simulator: "Simulator") -> falcon.App[falcon.Request, falcon.Response]:
    """Put the control door together."""
    app = falcon.App(middleware=[OwnPagesOnly()])
    views = ViewEndpoint(simulator)
    app.add_route("/", ControlPage())
    for name in (
        "phones",
        "calls",
        "notifications",
        "figures",
        "requests",
        "scenarios",
        "switches",
    ):
        app.add_route(f"/{name}", views, suffix=name)
    app.add_route("/do/{act}", CommandEndpoint(simulator))
    app.add_error_handler((NoSuchCall, NoSuchGroup, NoSuchUser, NoSuchScenario), _not_there)
    app.add_error_handler(ValidationError, _wrong)
    return app


def _not_there(
    req: falcon.Request, resp: falcon.Response, error: Exception, params: dict[str, Any]
) -> None:
    raise falcon.HTTPNotFound(description=_sentence(error))


def _sentence(error: Exception) -> str:
    match error:
        case NoSuchCall():
            return f"there is no running call {error}; `simulate phones` lists them"
        case NoSuchUser():
            return f"there is no user {error}; `simulate phones` lists them"
        case NoSuchGroup():
            return f"there is no group {error}"
        case _:
            return str(error)


def _wrong(
    req: falcon.Request, resp: falcon.Response, error: ValidationError, params: dict[str, Any]
) -> None:
    first = error.errors(include_url=False, include_input=False)[0]
    field = ".".join(str(part) for part in first["loc"]) or "the request"
    if first["type"] == "extra_forbidden":
        raise falcon.HTTPBadRequest(
            description=f"there is no {field}; `simulate set` lists the switches"
        )
    raise falcon.HTTPBadRequest(description=f"{field}: {first['msg']}")
