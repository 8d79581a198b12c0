from contextlib import closing
from pathlib import Path

import pytest

from bus.mqtt.call_stream import ConsumerOffsets
from bus.mqtt.inbox import ReceivedMessage
from cli.site.files import make_site
from cli.site.former_user import forget_belongings
from cli.site.settings import Settings
from consumers.caller import trace_store
from consumers.caller.store import CallerStore
from consumers.caller.trace_store import TraceEntry, TraceStore, TraceSubject, path_of
from consumers.dial.settings import DialSettings
from consumers.dial.store import DialRecord, DialStore
from consumers.directory.directory import Directory
from panel.applications import Applications
from tests.consumers.directory.records import ANNA, contact, put


@pytest.fixture
def site(tmp_path: Path) -> Settings:
    return make_site(tmp_path, {"site": {"language": "en"}})


def test_choices_go_with_their_user(site: Settings) -> None:
    with Directory(site.database) as directory:
        put(directory, contact("anna", ANNA), contact("beat", ANNA))
        [first, _] = directory.find(ANNA, user="0011").candidates
        for login in ("0011", "0012"):
            assert directory.remember_choice(login, ANNA, first.id)

    forget_belongings(site, "0011")

    with Directory(site.database) as directory:
        assert directory.choices("0011") == []
        assert len(directory.choices("0012")) == 1


def test_stories_and_dial_requests_go_with_their_user(site: Settings) -> None:
    folder = site.site.data_folder
    with closing(TraceStore(path_of(folder, "caller"))) as traces:
        for login in ("0011", "0012"):
            traces.add([TraceEntry(TraceSubject(login, "call"), (), 1_000.0)])
    with closing(DialStore(folder / "dial.db", "dial")) as dials:
        for login in ("0011", "0012"):
            entry = dials.claim(DialRecord(login, "id", "m", "n", "", "", 1_000.0), DialSettings())
            assert isinstance(entry, DialRecord)
            dials.add_result(entry.serial, b"{}", 1_000.0)

    forget_belongings(site, "0011")

    assert [trace.user for trace in trace_store.find(folder)] == ["0012"]
    with closing(DialStore(folder / "dial.db", "dial")) as dials:
        assert [entry["user"] for entry in dials.audit()] == ["0012"]
        assert len(dials.unpublished(2_000.0)) == 1


def test_what_waits_to_be_done_goes_with_its_user(site: Settings) -> None:
    with closing(CallerStore(site.site.data_folder / "caller.db")) as store:
        for login in ("0011", "0012"):
            claim = (login, "call", "ringing", "open", 1_000.0, "{}")
            store.db.execute("INSERT INTO claims VALUES (?, ?, ?, ?, ?, ?)", claim)
            store.dead_letter(ReceivedMessage(f"starface/users/{login}/calls", b"x"), "broken")

    forget_belongings(site, "0011")

    with closing(CallerStore(site.site.data_folder / "caller.db")) as store:
        assert store.db.execute("SELECT user FROM claims").fetchall() == [("0012",)]


def test_what_a_consumer_has_done_for_a_former_user_is_not_asked_for_again(site: Settings) -> None:
    path = site.site.data_folder / "caller.db"
    with closing(ConsumerOffsets(path)) as offsets:
        offsets.mark("0011", "gateway/g", 1)

    forget_belongings(site, "0011")

    with closing(ConsumerOffsets(path)) as offsets:
        assert offsets.watermark("0011", "gateway/g") == 1


def test_no_program_dials_for_who_gets_the_login_next(site: Settings) -> None:
    applications = Applications(site.site.data_folder / "applications.db")
    token = applications.add("crm", ("0011", "0012"))

    forget_belongings(site, "0011")

    application = applications.find(token)
    assert application is not None
    assert application.users == ("0012",)


def test_a_site_that_has_kept_nothing_has_nothing_to_forget(site: Settings) -> None:
    before = sorted(site.site.data_folder.iterdir())

    forget_belongings(site, "0011")

    assert {path.stem for path in set(site.site.data_folder.iterdir()) - set(before)} <= {
        "starface2mqtt"
    }
