from collections.abc import Iterator

import pytest
from playwright.sync_api import sync_playwright

from tests.panel.browser.office import Office


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """One office for the tests of a module: it takes seconds to open."""
    folder = tmp_path_factory.mktemp("panel")
    with sync_playwright() as playwright, Office(folder, playwright) as opened:
        yield opened
