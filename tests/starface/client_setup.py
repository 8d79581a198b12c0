"""A client with its credential, and answers of a PBX."""

from collections.abc import Callable
from datetime import UTC, datetime

from starface.client import StarfaceClient
from starface.credential import derive
from starface.request import Callback
from starface.xmlrpc.reading import write_fault
from tests.starface.packet_server import Server, http, settings_for

Serve = Callable[..., Server]
CREDENTIAL = derive("sha512", "0011", "Geheim#2024")
TOKEN = CREDENTIAL.secret.get_secret_value()
CALLBACK = Callback("http", "cti.example.net", 8080, "/starface/MDAxMQ/s1/m1")
SINCE = datetime(2025, 3, 14, 9, 0, tzinfo=UTC)


def client(server: Server, **changes: object) -> StarfaceClient:
    return StarfaceClient(settings_for(server, **changes), "0011", CREDENTIAL, CALLBACK)


def fault(text: str, code: int = 0) -> bytes:
    return http(write_fault(code, text))
