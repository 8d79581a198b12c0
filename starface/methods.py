"""The names of the PBX's methods in the three versions of its interface.

v22 and v30 name a method by family; v20 has other words for the few it knows.
"""

from starface.failures import UnsupportedByApi
from starface.settings import Api

_V20 = {
    "connection.login": "connection.login",
    "connection.logout": "connection.logout",
    "connection.keepAlive": "connection.probe",
    "connection.setProvidedServices": "connection.setProvidedServices",
    "call.getCallIds": "communication.call.getCallIds",
    "call.getCallState": "communication.call.getCallState",
    "call.placeCallWithPhone": "communication.call.placeCall",
    "call.hangupCall": "communication.call.hangupCall",
    "phone.getPhoneIds": "communication.call.getPhoneIds",
}
_ONLY_V30 = {
    "call.conference",
    "call.forward",
    "call.hold",
    "redirect.getRedirectSettings",
}

_BY_HABIT: tuple[Api, ...] = ("v22", "v30", "v20")
_FROM_10: tuple[Api, ...] = ("v30", "v22")  # v20 and v22 are not confirmed there

SERVICES_V20 = ["ucp.v20.client.communication.call", "ucp.v20.client.connection"]


def method(api: Api, name: str) -> str:
    """Return the full name of a method, named by family as in v22.

    Raises UnsupportedByApi when this version does not have it.
    """
    if name == "system.getServerVersion":
        return f"ucp.v30.requests.{name}"  # answered whatever version one speaks
    if api == "v20":
        if name not in _V20:
            raise _missing(api, name)
        return f"ucp.v20.server.{_V20[name]}"
    if (api == "v22" and name in _ONLY_V30) or name == "connection.setProvidedServices":
        raise _missing(api, name)
    return f"ucp.{api}.requests.{name}"


def harmless(name: str) -> bool:
    """Return whether a request may be lost without anybody missing it."""
    asked = name.partition(".")[2]
    return asked.startswith("get") or asked in {"keepAlive", "login", "subscribeEvents"}


def candidates(server_version: str | None) -> tuple[Api, ...]:
    """Return the versions to try at a PBX, the likeliest first; None: its version is not known."""
    major = (server_version or "").partition(".")[0]
    return _FROM_10 if major.isdecimal() and int(major) >= 10 else _BY_HABIT


def _missing(api: Api, name: str) -> UnsupportedByApi:
    needed = "v30" if name in _ONLY_V30 else "v22 or v30"
    return UnsupportedByApi(
        f"STARFACE's interface {api} does not have {name}; set api = {needed} in [starface]."
    )
