"""Who has a port: so that a message can name the process in the way."""

import contextlib
import socket

import psutil

from cli.site.context import CommandFailed


class PortTaken(CommandFailed):
    """Something else listens on a port we need."""


def require_free(ports: dict[str, int], advice: str) -> None:
    """Raise PortTaken when a port is taken; the message names port, process and advice."""
    taken = [
        f"port {port} ({purpose}) is taken by {_owner(port)}"
        for purpose, port in ports.items()
        if not _free(port)
    ]
    if taken:
        raise PortTaken(f"{'; '.join(taken)}. {advice}")


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("0.0.0.0", port))
        except OSError:
            return False
    return True


def _owner(port: int) -> str:
    with contextlib.suppress(psutil.Error):
        for connection in psutil.net_connections("tcp"):
            here = connection.laddr and connection.laddr.port == port
            if here and connection.status == psutil.CONN_LISTEN and connection.pid:
                return f"process {connection.pid} ({psutil.Process(connection.pid).name()})"
    return "another process"
