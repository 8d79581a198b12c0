"""An office of 300: imported at once, and each logs in to the panel with the own password."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from cli.demo.mosquitto import Mosquitto, free_port
from cli.site.files import broker_folder, make_site
from starface.simulator import Simulator, many_users
from tests.conftest import ROOT, wait_until

COUNT = 300
_AT_ONCE = 8  # people who press the button in the same moment


def _run(config: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cli", "--config", config, *words], capture_output=True, text=True,
        env=os.environ | environment, check=False, timeout=200,
    )  # fmt: skip


@pytest.mark.long
@pytest.mark.timeout(600)
def test_300_people_take_part_without_one_password_typed_by_an_administrator(
    tmp_path: Path,
) -> None:
    people = many_users(COUNT)
    administrator, panel, gateway = people[0], free_port(), free_port()
    took: dict[str, float] = {}
    with ExitStack() as stack:
        pbx = stack.enter_context(Simulator(people))
        settings = make_site(
            tmp_path / "site",
            {
                "starface": {
                    "host": "127.0.0.1", "port": pbx.port, "scheme": "http",
                    "callback_port": gateway,
                },
                "broker": {"port": free_port()},
                "gateway": {"listen": [f"127.0.0.1:{gateway}"], "operations": ""},
                "sessions": {"operations": ""},
                "panel": {"listen": f"127.0.0.1:{panel}"},
            },
        )  # fmt: skip
        config = settings.file
        begun = time.monotonic()
        done = _run(
            config, "user", "import", "--as", administrator.login, "--yes",
            STARFACE_PASSWORD=administrator.password,
        )  # fmt: skip
        took["import"] = time.monotonic() - begun
        assert f"{COUNT} new, 0 changed" in done.stdout, done.stderr
        folder, port = broker_folder(settings), settings.broker.port
        stack.enter_context(Mosquitto(ROOT / "mosquitto.conf", folder, port))
        log = stack.enter_context((tmp_path / "up.log").open("wb"))
        up = subprocess.Popen(
            [sys.executable, "-m", "cli", "--config", config, "up"], stdout=log, stderr=log
        )
        stack.callback(up.wait, 30)
        stack.callback(up.terminate)
        browser = stack.enter_context(
            httpx.Client(base_url=f"http://127.0.0.1:{panel}", timeout=60)
        )

        def panel_answers() -> bool:
            try:
                return browser.get("/session").is_success
            except httpx.HTTPError:
                return False

        wait_until(panel_answers, 60)

        def states() -> Counter[str]:
            found = json.loads(_run(config, "status", "--json").stdout or "{}")
            users = found.get("users", {}).values()
            return Counter(user["code"] or user["state"] for user in users)

        wait_until(lambda: states()["not-enrolled"] == COUNT, 60)

        def log_in(login: str, password: str) -> int:
            form = {"login": login, "password": password}
            return httpx.post(
                f"http://127.0.0.1:{panel}/session", json=form, timeout=60
            ).status_code

        begun = time.monotonic()
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            answers = pool.map(log_in, *zip(*((p.login, p.password) for p in people), strict=True))
            assert Counter(answers) == {200: COUNT}
        took["logins"] = time.monotonic() - begun
        wait_until(lambda: states() == {"active": COUNT}, 120)
        took["active"] = time.monotonic() - begun

    print(took)
    assert took["import"] < 30
    assert took["logins"] < 120
