"""The section [caller] of the configuration."""

from bus.settings import Section


class CallerSettings(Section):
    """What an office opens when somebody calls."""
