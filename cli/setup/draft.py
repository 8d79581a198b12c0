"""The first half of setup: what the configuration needs, asked and checked before it is written."""

import socket
from functools import partial
from typing import Any

import psutil
from pydantic import ValidationError

from bus.numbers.number import NumberProfile, read_number
from bus.numbers.numbering_plan import plan
from cli.doctor.findings import said
from cli.doctor.network import untrusted
from cli.setup.dialog import Dialog, WrongAnswer
from runtime.addresses import join_address
from starface.certificate import shown_certificate
from starface.settings import StarfaceSettings
from texts import LANGUAGES, known_language

Values = dict[str, dict[str, Any]]
_TIMEOUT = 5.0  # seconds


def draft(dialog: Dialog) -> Values:
    """Return the values of a new configuration by section; raise CommandFailed."""
    language = dialog.ask("language", dialog.language, choices=LANGUAGES)
    dialog.language = known_language(language) or "en"
    dialog.title("pbx")
    starface = _pbx(dialog)
    dialog.title("way")
    starface |= _location(dialog)
    dialog.title("numbers")
    site: dict[str, Any] = {"language": language, **_numbers(dialog)}
    if dialog.confirm("professional_secrecy", default=False):
        site["professional_secrecy"] = True
        if starface["location"] == "cloud":
            starface |= {"callback_scheme": "https", "callback_port": 8081}
    return {"site": site, "starface": starface}


def _pbx(dialog: Dialog) -> dict[str, Any]:
    while True:
        host = dialog.ask("pbx", check=_host)
        scheme = dialog.ask("scheme", "https", choices=("https", "http"))
        usual = "443" if scheme == "https" else "80"
        port = int(dialog.ask("port", usual, check=port_number))
        try:
            with socket.create_connection((host, port), _TIMEOUT):
                break
        except OSError as error:
            if not dialog.by_person:
                raise dialog.failed("pbx", host=host, port=port, reason=said(error)) from error
            dialog.show(dialog.text("setup.failed.pbx", host=host, port=port, reason=said(error)))
    dialog.say("pbx", host=host, port=port)
    found: dict[str, Any] = {"host": host, "scheme": scheme}
    if str(port) != usual:
        found["port"] = port
    return found | (_certificate(dialog, host, port) if scheme == "https" else {})


def _certificate(dialog: Dialog, host: str, port: int) -> dict[str, Any]:
    try:
        shown = shown_certificate(host, port)
    except OSError as error:
        raise dialog.failed("tls", where=join_address(host, port), reason=said(error)) from error
    expires = f"{shown.expires:%Y-%m-%d}"
    if not shown.problem:
        dialog.say("certificate", expires=expires)
        return {}
    problem = untrusted(shown, host).text(dialog.language)
    dialog.say(
        "certificate-untrusted", problem=problem, subject=shown.subject,
        issuer=shown.issuer, expires=expires, fingerprint=shown.fingerprint,
    )  # fmt: skip
    if dialog.ask("certificate", "stop", choices=("pin", "stop")) == "stop":
        raise dialog.failed("certificate")
    return {"verify": "pinned", "fingerprint": shown.fingerprint}


def _location(dialog: Dialog) -> dict[str, Any]:
    where = dialog.ask("location", "local", choices=("local", "cloud"))
    own = own_addresses()
    dialog.say("addresses", addresses=", ".join(own) or "-")
    ours = own[0] if own else "?"
    if where == "local":
        dialog.say("way-local", ours=ours)
        return {"location": "local"}
    external = dialog.ask("external_address", check=_host)
    dialog.say("way-cloud", external=external, ours=ours)
    return {"location": "cloud", "external_address": external}


def _numbers(dialog: Dialog) -> dict[str, Any]:
    while True:
        country = dialog.ask("country", "CH", check=_country)
        area_code = dialog.ask("area_code", "", check=partial(_area_code, country))
        found = {"country": country, "area_code": area_code}
        example = dialog.ask("own_number", "")
        if not example:
            return found
        number = read_number(example, NumberProfile.model_validate(found))
        if number.e164:
            dialog.say("number", number=example, e164=number.e164)
            if dialog.confirm("number_is_right", default=True):
                return found
        else:
            dialog.say("number-none", number=example)
        if not dialog.by_person:
            raise dialog.failed("number", number=example)


def own_addresses() -> list[str]:
    """Return this machine's own addresses, without those that only it can reach."""
    return [
        address.address
        for addresses in psutil.net_if_addrs().values()
        for address in addresses
        if address.family == socket.AF_INET and not address.address.startswith("127.")
    ]


def port_number(text: str) -> str:
    """Return a port as it was typed; raise WrongAnswer."""
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise WrongAnswer("port")
    return text


def _host(text: str) -> str:
    try:
        host = StarfaceSettings(host=text).host
    except ValidationError:
        host = ""
    if not host:
        raise WrongAnswer("host")
    return host


def _country(text: str) -> str:
    try:
        return NumberProfile(country=text.upper()).country
    except ValidationError:
        raise WrongAnswer("country") from None


def _area_code(country: str, text: str) -> str:
    """Return an area code as it is kept, with or without the zero it was typed with."""
    own = plan(country)
    code = text.replace(" ", "")
    if own.trunk_needed:
        code = code.removeprefix(own.trunk)
    elif code and own.zero_belongs and not code.startswith("0"):
        code = f"0{code}"
    try:
        return NumberProfile(country=country, area_code=code).area_code
    except ValidationError:
        raise WrongAnswer("area") from None
