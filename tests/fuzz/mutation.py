"""Inputs that are nearly right, made by chance from genuine ones."""

import random
from collections.abc import Sequence

_PIECES = [
    b"\r\n", b"\n", b"\x00", b"<", b"&lt;", b"]]>", b"Content-Length: 3\r\n", b"<![CDATA[",
    b"<!DOCTYPE a [<!ENTITY b 'c'>]>", b"&b;", b"&#0;", b"&#x10FFFF;", b"<!--", b"-->", b"<?x?>",
    b"<?xml version='1.0' encoding='utf-16'?>", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80",
    b"<value>", b"</value>", b"<i4>2147483648</i4>", b"<nil/>", b"<struct/>", b"<array><data/>",
    b"<double>1e308</double>", b"<base64>=</base64>", b"<member><name>id</name>", b"xmlns:a='b'",
    b'"', b"\\ud800", b"\\u0000", b"1e999", b"-0", b"null", b"[[[[[[[[", b'{"data":', b"9" * 40,
    b"%00", b"%ed%a0%80", b"&event=", b"=", b";", b"+",
]  # fmt: skip


def mutated(chance: random.Random, payload: bytes) -> bytes:
    """Return a payload with some faults in it."""
    reported = bytearray(payload)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(reported))
        match chance.randrange(5):
            case 0:
                reported[at] = chance.randrange(256)
            case 1:
                del reported[at : at + chance.randint(1, 40)]
            case 2:
                reported[at:at] = bytes(chance.randrange(256) for _ in range(chance.randint(1, 9)))
            case 3:
                reported[at:at] = reported[at : at + chance.randint(1, 200)] * chance.choice(
                    (1, 1, 30)
                )
            case _:
                reported[at:at] = chance.choice(_PIECES)
        if not reported:
            reported = bytearray(b"x")
    return bytes(reported)


def crossed(chance: random.Random, payloads: Sequence[bytes]) -> bytes:
    """Return the beginning of one payload with the end of another."""
    one, other = chance.choice(payloads), chance.choice(payloads)
    return one[: chance.randrange(len(one) + 1)] + other[chance.randrange(len(other) + 1) :]
