"""What users were told of their calls lately, so that a repeat stays silent."""

from hashlib import blake2b

from bus.events import CallerData
from consumers.caller.put_off import Key
from runtime.bounded_dict import Recent


class AnswersTold:
    """The last answer to each call and trigger."""

    def __init__(self) -> None:
        self._told: Recent[Key, bytes] = Recent()
        self._unknown: Recent[Key, None] = Recent()

    def holds(self, key: Key) -> bool:
        """Tell whether anything was told."""
        return self._told.holds(key)

    def found_nobody(self, key: Key) -> bool:
        """Tell whether a number was looked up last, and nobody had it."""
        return self._unknown.holds(key)

    def keep(self, key: Key, data: CallerData) -> bool:
        """Keep an answer; return whether it says something new to its user."""
        if data.quality == "none" and data.caller.e164:
            self._unknown.keep(key, None)
        else:
            self._unknown.drop(key)
        digest = _digest(data)
        if self._told.value(key) == digest:
            return False
        self._told.keep(key, digest)
        return True


def _digest(data: CallerData) -> bytes:
    """Return what is the same for answers that look the same; small, as many are kept."""
    told = (
        data.reason, data.opens, data.caller, data.called, data.contact, data.url, data.candidates,
    )  # fmt: skip
    return blake2b(repr(told).encode(), digest_size=16).digest()
