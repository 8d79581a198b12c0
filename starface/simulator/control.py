"""The control door: the people at the telephones, driven over HTTP from the same machine."""

from typing import TYPE_CHECKING, Any

import falcon

from starface.simulator.calls import NoSuchCall, NoSuchUser
from starface.simulator.scenarios import NoSuchScenario

if TYPE_CHECKING:
    from starface.simulator.stand_in import Simulator


class Phones:
    """The users, their sessions and running calls."""

    def __init__(self, simulator: "Simulator") -> None:
        self._simulator = simulator

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """List the users with what their phones do."""
        pbx = self._simulator.pbx
        with pbx.lock:
            sessions = {each.login for each in self._simulator.sessions}
            resp.media = [
                {
                    "login": user.login,
                    "name": user.name,
                    "extension": user.extension,
                    "logged_in": user.login in sessions,
                    "calls": [
                        {
                            "id": call.id,
                            "state": call.legs[user.login].state,
                            "caller": call.legs[user.login].caller.number,
                            "called": call.legs[user.login].called.number,
                        }
                        for call in pbx.calls_of(user.login)
                    ],
                }
                for user in pbx.users.values()
            ]


class Acts:
    """What people do: `POST /{act}` with a JSON object."""

    def __init__(self, simulator: "Simulator") -> None:
        self._simulator = simulator

    def on_post(self, req: falcon.Request, resp: falcon.Response, act: str) -> None:
        """Do one thing."""
        told: dict[str, Any] = req.get_media(default_when_empty={})
        if act not in _ACTS:
            raise falcon.HTTPNotFound(description=f"no act {act!r}; there are: {sorted(_ACTS)}")
        resp.media = _ACTS[act](self._simulator, told)


def _ring(simulator: "Simulator", told: dict[str, Any]) -> dict[str, Any]:
    return {"call_id": simulator.ring(**told)}


def _answer(simulator: "Simulator", told: dict[str, Any]) -> dict[str, Any]:
    simulator.answer(**told)
    return {}


def _hang_up(simulator: "Simulator", told: dict[str, Any]) -> dict[str, Any]:
    simulator.hang_up(**told)
    return {}


_ACTS = {"ring": _ring, "answer": _answer, "lift": _answer, "hangup": _hang_up}


def create_control(simulator: "Simulator") -> falcon.App[falcon.Request, falcon.Response]:
    """Put the control door together."""
    app = falcon.App()
    app.add_route("/phones", Phones(simulator))
    app.add_route("/{act}", Acts(simulator))
    app.add_error_handler((NoSuchCall, NoSuchUser, NoSuchScenario), _not_there)
    return app


def _not_there(
    req: falcon.Request, resp: falcon.Response, error: Exception, params: dict[str, Any]
) -> None:
    raise falcon.HTTPNotFound(description=f"{type(error).__name__}: {error}")
