"""The accounts and rights of our contract for RabbitMQ, as definitions it imports.

A topic is a routing key of the exchange `amq.topic`: `/` becomes `.`. A dot within a level would
come back as a slash, so it is written `%2E` (`[broker] escape_dots`). What is kept for a session
lies in a queue with the client id in its name, so an account may only use the queues of its own
name: with another's client id it gets nothing of the other's.
"""

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from bus.access.accounts import Accounts, Rights, all_rights_of
from bus.access.roles import Roles
from bus.topics import Topics, escaped

FILE = "definitions.json"
_EXCHANGE = "amq.topic"
_NOTHING = "^$"
_DAY = 86_400_000  # milliseconds
_QUEUES: Mapping[str, Any] = {"max-length": 5000, "overflow": "drop-head", "message-ttl": _DAY}


def pattern(topic_filters: Iterable[str]) -> str:
    """Return the regular expression of the routing keys that these filters stand for."""
    found = [_routing_keys(each) for each in topic_filters]
    return f"^({'|'.join(found)})$" if found else _NOTHING


def definitions(topics: Topics, accounts: Accounts, roles: Roles) -> str:
    """Return definitions.json; a retired account stays in it without a right."""
    everybody = {
        name: all_rights_of(topics, name, roles) if name in accounts.passwords else None
        for name in accounts.known()
    }
    content = {
        "vhosts": [{"name": "/"}],
        "users": [
            {
                "name": name,
                "password_hash": _hashed(name, password),
                "hashing_algorithm": "rabbit_password_hashing_sha512",
                "tags": "",
            }
            for name, password in accounts.known().items()
        ],
        "permissions": [_queues(name, rights) for name, rights in everybody.items()],
        "topic_permissions": [
            {
                "user": name,
                "vhost": "/",
                "exchange": _EXCHANGE,
                "write": pattern(rights.write if rights else ()),
                "read": pattern(rights.read if rights else ()),
            }
            for name, rights in everybody.items()
        ],
        "policies": [
            {
                "vhost": "/",
                "name": "starface2mqtt",
                "pattern": "^mqtt-subscription-",
                "apply-to": "queues",
                "definition": _QUEUES,
            }
        ],
    }
    return json.dumps(content, indent=1) + "\n"


def _queues(name: str, rights: Rights | None) -> dict[str, str]:
    own = f"mqtt-subscription-{re.escape(escaped(name))}qos[01]"
    used = f"^({re.escape(_EXCHANGE)}|{own})$" if rights else _NOTHING
    configured = f"^{own}$" if rights else _NOTHING
    return {"user": name, "vhost": "/", "configure": configured, "write": used, "read": used}


def _routing_keys(topic_filter: str) -> str:
    levels = topic_filter.removesuffix("/#").split("/")
    keys = r"\.".join(r"[^.#]+" if each == "+" else re.escape(escaped(each)) for each in levels)
    return rf"{keys}(\..+)?" if topic_filter.endswith("/#") else keys


def _hashed(name: str, password: str) -> str:
    # The salt follows from the account and password, so that the file only changes when they do.
    salt = hashlib.sha256(f"{name} {password}".encode()).digest()[:4]
    return base64.b64encode(salt + hashlib.sha512(salt + password.encode()).digest()).decode()
