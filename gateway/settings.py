"""The section [gateway] of the configuration."""

from bus.settings import Section


class GatewaySettings(Section):
    """Where the gateway listens and what it believes."""

    listen: tuple[str, ...] = ("0.0.0.0:8080", "0.0.0.0:8081")
