"""The accounts and rights of our contract for NATS: subjects in place of topics.

A level is a token, so `/` becomes `.`, and a dot within a level `//`. A filter with `#` also means
the topic above it, which has another subject. Accounts speak MQTT only: with NATS's own protocol
they would reach the streams in which the broker keeps sessions and messages.
"""

import base64
import hashlib
import json
from collections.abc import Iterable

import bcrypt

from bus.access.accounts import Accounts, all_rights_of
from bus.access.roles import Roles
from bus.topics import Topics

FILE = "accounts.conf"
_SESSIONS = "$MQTT.sub.>"  # where the broker hands a session what was kept for it
_WILDCARDS = {"+": "*", "#": ">"}
_COST = b"$2a$04$"  # the least there is: 192 random bits need no slow hash
_STANDARD = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_BCRYPT = b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def subjects(topic_filter: str) -> tuple[str, ...]:
    """Return the subjects that a topic or filter stands for."""
    tokens = [
        _WILDCARDS.get(level) or level.replace(".", "//") for level in topic_filter.split("/")
    ]
    subject = ".".join(tokens)
    return (subject.removesuffix(".>"), subject) if tokens[-1] == ">" else (subject,)


def accounts_file(topics: Topics, accounts: Accounts, roles: Roles) -> str:
    """Return what nats-server.conf includes."""
    users = [
        {
            "user": name,
            "password": _hashed(name, password),
            "allowed_connection_types": ["MQTT", "MQTT_WS"],
            "permissions": {
                "publish": {"allow": _all(rights.write)},
                "subscribe": {"allow": [*_all(rights.read), _SESSIONS]},
            },
        }
        for name, password in accounts.passwords.items()
        for rights in (all_rights_of(topics, name, roles),)
    ]
    lines = ",\n".join(f"  {json.dumps(user)}" for user in users)
    return (
        f"# Written by starface2mqtt; changes are lost.\nauthorization {{ users: [\n{lines}\n] }}\n"
    )


def _all(topic_filters: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(each for one in topic_filters for each in subjects(one)))


def _hashed(name: str, password: str) -> str:
    # The salt follows from the account and password, so that the file only changes when they do.
    digest = hashlib.sha256(f"{name} {password}".encode()).digest()[:16]
    salt = base64.b64encode(digest).translate(bytes.maketrans(_STANDARD, _BCRYPT))[:22]
    return bcrypt.hashpw(password.encode(), _COST + salt).decode()
