"""What can go wrong with the PBX, named for what a caller can do about it.

Each is a sentence for a person that says what to do. None carries a URL, a token, a number or a
name; what the PBX itself said stands in `pbx_text` and is for a terminal, not for a log.
"""


class PbxFailure(Exception):
    """The PBX did not do what was asked."""

    def __init__(self, sentence: str, *, pbx_text: str = "") -> None:
        super().__init__(sentence)
        self.pbx_text = pbx_text


class LoginRefused(PbxFailure):
    """The PBX does not accept login ID and password; never try again with the same.

    It is not `certain` where a redirect or a login page came instead of an answer: that is how
    version 10 refuses a token, and what a web server may show while the PBX behind it starts.
    """

    def __init__(self, sentence: str, *, pbx_text: str = "", certain: bool = True) -> None:
        super().__init__(sentence, pbx_text=pbx_text)
        self.certain = certain


class RequestForbidden(PbxFailure):
    """The user lacks the right at the PBX."""


class NotConnected(PbxFailure):
    """The PBX does not know our session; log in again."""


class PbxUnreachable(PbxFailure):
    """Nothing was sent; it may be tried again."""


class OutcomeUnknown(PbxFailure):
    """The request was sent, perhaps, and nobody knows what became of it."""


class CallRefused(PbxFailure):
    """The PBX answered, and places no call."""


class AnswerUnreadable(PbxFailure):
    """The PBX answered something that is not understood."""


class UnsupportedByApi(PbxFailure):
    """The chosen version of the interface does not have it."""
