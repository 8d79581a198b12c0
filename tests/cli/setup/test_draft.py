import socket
from pathlib import Path

import pytest

from cli.setup.dialog import Dialog
from cli.setup.draft import Values, draft


def _drafted(tmp_path: Path, more: str, port: int) -> Values:
    file = tmp_path / "answers.toml"
    file.write_text(f'language = "en"\npbx = "127.0.0.1"\nscheme = "http"\nport = {port}\n{more}\n')
    return draft(Dialog("en", file))


@pytest.mark.parametrize(
    ("country", "typed", "kept"),
    [
        ("CH", "044", "44"),
        ("CH", "44", "44"),
        ("DE", "030", "30"),
        ("IT", "2", "02"),
        ("IT", "02", "02"),
    ],
)
def test_an_area_code_is_taken_with_and_without_its_zero(
    tmp_path: Path, country: str, typed: str, kept: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as pbx:
        more = f'country = "{country}"\narea_code = "{typed}"'
        values = _drafted(tmp_path, more, pbx.getsockname()[1])

    assert values["site"]["area_code"] == kept


def test_under_professional_secrecy_a_cloud_calls_back_by_tls(tmp_path: Path) -> None:
    more = 'professional_secrecy = true\nlocation = "cloud"\nexternal_address = "192.0.2.1"'
    with socket.create_server(("127.0.0.1", 0)) as pbx:
        values = _drafted(tmp_path, more, pbx.getsockname()[1])

    assert values["starface"]["callback_scheme"] == "https"
    assert values["starface"]["callback_port"] == 8081
