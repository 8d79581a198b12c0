"""Host and port written as one text and taken apart again, with the brackets IPv6 needs."""


def join_address(host: str, port: int | None = None) -> str:
    """Return `pbx.example:443`, or `[2001:db8::7]:443`; without a port only the host."""
    name = f"[{host}]" if ":" in host and not host.startswith("[") else host
    return name if port is None else f"{name}:{port}"


def split_address(address: str) -> tuple[str, int]:
    """Return host and port of `0.0.0.0:8080` or `[::]:8080`; raise ValueError."""
    host, _, port = address.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    has_port = port.isascii() and port.isdigit() and int(port) <= 65535
    if not bare or not has_port or (":" in bare and not host.startswith("[")):
        raise ValueError("an address and a port, such as '0.0.0.0:8080' or '[::]:8080'")
    return bare, int(port)


def here(host: str) -> str:
    """Return at which address this machine reaches what listens on one, or on all of its own."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
