"""What an executor says when it could not do its work."""


class ActionFailed(Exception):
    """The action was not done; the message is a stable code, without personal data."""
