import os
import socket

import pytest

from cli.demo.mosquitto import free_port
from cli.demo.ports import PortTaken, require_free


def test_a_free_port_is_no_trouble() -> None:
    require_free({"gateway": free_port()}, "")


def test_a_taken_port_is_named_with_the_process_that_has_it() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        with pytest.raises(PortTaken) as refused:
            require_free({"gateway": port}, "Choose others.")

    assert f"port {port} (gateway) is taken by process {os.getpid()}" in str(refused.value)
    assert "Choose others." in str(refused.value)
