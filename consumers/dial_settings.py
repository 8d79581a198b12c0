"""The section [dial] of the configuration."""

from bus.settings import Section


class DialSettings(Section):
    """What may be dialled, by whom and how often."""
