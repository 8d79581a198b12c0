"""The load generator of the benchmarks: a small program in C, compiled at the first use."""

import json
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

_SOURCE = Path(__file__).with_name("gateway_load.c")


def needs(tool: str, package: str) -> str:
    """Return where a tool is; end with what to install when it is missing."""
    found = shutil.which(tool, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is None:
        raise SystemExit(f"{tool} is missing; on Debian: sudo apt install {package}")
    return found


def needs_load_and_broker() -> None:
    """End with what to install unless a load can be put to a broker and what comes be received."""
    needs("mosquitto", "mosquitto")
    needs("mosquitto_sub", "mosquitto-clients")
    needs("cc", "gcc libc6-dev")


@cache
def _program() -> str:
    compiler = needs("cc", "gcc libc6-dev")
    program = Path(tempfile.mkdtemp(prefix="load-")) / "load"
    subprocess.run([compiler, "-O2", "-Wall", "-o", program, _SOURCE], check=True)
    return str(program)


def ask(
    port: int, paths: list[str], body: str, lines: int, seconds: float, *,
    keep: bool = False, rate: float = 0,
) -> dict[str, float]:  # fmt: skip
    """Return the figures of some seconds; `rate` limits the requests per second, 0 is flat out."""
    payload = body.encode()
    requests = b""
    for path in paths:
        request = (
            f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\n"
            f"Connection: {'keep-alive' if keep else 'close'}\r\n"
            f"Content-Length: {len(payload)}\r\n\r\n"
        ).encode() + payload
        requests += b"%d\n%s" % (len(request), request)
    arguments = [str(port), str(lines), str(seconds), str(int(keep)), str(rate)]
    done = subprocess.run([_program(), *arguments], input=requests, capture_output=True)
    return dict(json.loads(done.stdout)) if done.returncode == 0 else {}
