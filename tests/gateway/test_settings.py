"""What an integrator sees when [gateway] cannot be meant."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from bus.mqtt.inbox import why
from bus.numbers.number import NumberProfile
from bus.settings import BrokerSettings, SettingsRefused
from gateway.process import run
from gateway.settings import GatewaySettings

PEM = {"certificate": "c.pem", "private_key": "k.pem"}


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"listen": ()}, "listen: at least one address"),
        ({"listen": ("8080",)}, "listen.0: an address and a port"),
        ({"sources": ("10.0.0.1/8",)}, "sources.0: a network, such as '192.0.2.0/24'"),
        ({"sources": ("the PBX",)}, "sources.0: a network, such as '192.0.2.0/24'"),
        ({"trusted_proxy": "192.0.2.0/24"}, "trusted_proxy: one address"),
        ({"certificate": "c.pem"}, "payload: certificate and private_key belong together"),
        (PEM | {"tls_port": 8443}, "payload: tls_port 8443 is no port of listen"),
    ],
)
def test_a_setting_that_cannot_be_meant_is_named_with_what_is_allowed(
    given: dict[str, object], line: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        GatewaySettings.model_validate(given)

    assert why(refused.value).startswith(line)
    assert ";" not in why(refused.value)


def test_networks_of_both_kinds_are_read() -> None:
    settings = GatewaySettings.model_validate({"sources": ["192.0.2.0/24", "2001:db8::/32", "::1"]})

    assert [str(one) for one in settings.sources] == ["192.0.2.0/24", "2001:db8::/32", "::1/128"]
    assert GatewaySettings.model_validate({"trusted_proxy": ""}).trusted_proxy is None


@pytest.mark.parametrize("folder", ["file", "file/data"])
def test_a_data_folder_that_cannot_be_written_is_named(tmp_path: Path, folder: str) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(SettingsRefused, match=r"/file.*: .*must be able to write there"):
        run(
            GatewaySettings(), BrokerSettings(), NumberProfile(country="CH"), b"k" * 32,
            tmp_path / folder,
        )  # fmt: skip
