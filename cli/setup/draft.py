"""The first half of setup: what the configuration needs, asked and checked before it is written."""

import socket
from typing import Any

import psutil
from pydantic import ValidationError

from bus.mqtt.inbox import why
from bus.numbers.number import NumberProfile, read_number
from cli.setup.dialog import Dialog
from cli.site.context import CommandFailed
from runtime.addresses import join_address
from starface.certificate import shown_certificate
from starface.settings import StarfaceSettings

Values = dict[str, dict[str, Any]]
_TIMEOUT = 5.0  # seconds
_LANGUAGES = ("de", "en", "fr", "it")


def draft(dialog: Dialog) -> Values:
    """Return the values of a new configuration by section; raise CommandFailed."""
    dialog.title("Language")
    language = dialog.choose("language", "Language of what office users see", _LANGUAGES, "de")
    dialog.title("STARFACE")
    starface = _pbx(dialog)
    dialog.title("The way from STARFACE to us")
    starface |= _location(dialog)
    dialog.title("Numbers")
    site: dict[str, Any] = {"language": language, **_numbers(dialog)}
    if dialog.confirm(
        "professional_secrecy", "Are these lawyers, doctors, notaries or the like?", default=False
    ):
        site["professional_secrecy"] = True
        if starface["location"] == "cloud":
            starface |= {"callback_scheme": "https", "callback_port": 8081}
    return {"site": site, "starface": starface}


def _pbx(dialog: Dialog) -> dict[str, Any]:
    while True:
        host = dialog.ask("pbx", "Name or address of the STARFACE", check=_host)
        scheme = dialog.choose("scheme", "How it is asked", ("https", "http"), "https")
        usual = "443" if scheme == "https" else "80"
        port = int(dialog.ask("port", "Its port", usual, check=_port))
        try:
            with socket.create_connection((host, port), _TIMEOUT):
                break
        except OSError as error:
            sentence = f"{host} does not answer at port {port}: {error}"
            if not dialog.by_person:
                raise CommandFailed(sentence) from error
            dialog.say(
                f"  {sentence}\n  Is the name right, does STARFACE run, is a firewall between?"
            )
    dialog.say(f"  {host} answers at port {port}")
    found: dict[str, Any] = {"host": host, "scheme": scheme}
    if str(port) != usual:
        found["port"] = port
    return found | (_certificate(dialog, host, port) if scheme == "https" else {})


def _certificate(dialog: Dialog, host: str, port: int) -> dict[str, Any]:
    try:
        shown = shown_certificate(host, port)
    except OSError as error:
        raise CommandFailed(f"{join_address(host, port)} does not speak TLS ({error})") from error
    if not shown.problem:
        dialog.say(f"  its certificate is trusted, and good until {shown.expires:%Y-%m-%d}")
        return {}
    dialog.say(
        f"  its certificate is not trusted: {shown.problem}\n"
        f"  issued to {shown.subject} by {shown.issuer}, good until {shown.expires:%Y-%m-%d}\n"
        f"  SHA-256 {shown.fingerprint}"
    )
    if (
        dialog.choose("certificate", "Trust this one certificate", ("pin", "stop"), "stop")
        == "stop"
    ):
        raise CommandFailed("stopped: give STARFACE a certificate that this machine trusts")
    return {"verify": "pinned", "fingerprint": shown.fingerprint}


def _location(dialog: Dialog) -> dict[str, Any]:
    where = dialog.choose("location", "Where STARFACE is", ("local", "cloud"), "local")
    own = _own_addresses()
    dialog.say(f"  addresses of this machine: {', '.join(own)}")
    if where == "local":
        dialog.say(
            "  STARFACE must reach this machine on TCP ports 8080 and 8081. For the network "
            f"administrator:\n    allow TCP from STARFACE to {own[0] if own else 'this machine'} "
            "ports 8080, 8081"
        )
        return {"location": "local"}
    external = dialog.ask(
        "external_address", "The office's address as STARFACE in the cloud sees it", check=_host
    )
    dialog.say(
        "  For the network administrator:\n"
        f"    forward TCP {external}:8080 and {external}:8081 to "
        f"{own[0] if own else 'this machine'}, from STARFACE's address only\n"
        "  Port 8081 speaks TLS once [gateway] certificate is set: use it over the internet."
    )
    return {"location": "cloud", "external_address": external}


def _numbers(dialog: Dialog) -> dict[str, Any]:
    while True:
        found = {
            "country": dialog.ask("country", "Country of the office", "CH", check=_country),
            "area_code": dialog.ask(
                "area_code", "Area code without the leading zero (Italy: with it), as 44", ""
            ),
        }
        try:
            profile = NumberProfile.model_validate(found)
        except ValidationError as error:
            if not dialog.by_person:
                raise CommandFailed(why(error)) from error
            dialog.say(f"  {why(error)}")
            continue
        example = dialog.ask("own_number", "A number of your own, as you write it", "")
        if not example:
            return found
        number = read_number(example, profile)
        dialog.say(f"  {example} is {number.e164 or 'no number here: ' + number.kind}")
        if number.e164 and dialog.confirm("number_is_right", "Is that right?", default=True):
            return found
        if not dialog.by_person:
            raise CommandFailed(f"own_number: {example} is not read with country and area code")


def _own_addresses() -> list[str]:
    return [
        address.address
        for addresses in psutil.net_if_addrs().values()
        for address in addresses
        if address.family == socket.AF_INET and not address.address.startswith("127.")
    ]


def _host(text: str) -> str:
    try:
        host = StarfaceSettings(host=text).host
    except ValidationError as error:
        raise ValueError(why(error)) from None
    if not host:
        raise ValueError("a name or an address, as pbx.example.lan")
    return host


def _port(text: str) -> str:
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise ValueError("a port, 1 to 65535")
    return text


def _country(text: str) -> str:
    try:
        return NumberProfile(country=text.upper()).country
    except ValidationError as error:
        raise ValueError(why(error)) from None
