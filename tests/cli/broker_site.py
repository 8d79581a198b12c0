"""A site with a user and a broker of its own, for the tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bus.access.accounts import write_broker_files
from bus.settings import read_accounts
from cli.demo.mosquitto import Mosquitto, free_port
from cli.site.files import add_user_account, broker_folder, make_site
from cli.site.settings import Settings, read
from tests.conftest import ROOT


@contextmanager
def site_with_broker(folder: Path) -> Iterator[Settings]:
    """Run the broker of a new site, in which 0011 has an account."""
    port = free_port()
    settings = make_site(folder, {"broker": {"port": port}, "site": {"language": "en"}})
    add_user_account(settings, "0011")
    files = broker_folder(settings)
    write_broker_files(
        files, settings.broker.topics(), read_accounts(settings.broker.accounts_file)
    )
    with Mosquitto(ROOT / "mosquitto.conf", files, port):
        yield read(settings.file)
