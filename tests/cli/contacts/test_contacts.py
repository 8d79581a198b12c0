import csv
import io
import json
from pathlib import Path

import pytest

from cli.site.context import CommandFailed
from tests.cli.contacts_command import ANNA, Run, found


def test_a_company_typed_in_may_have_a_switchboard(run: Run) -> None:
    run("add", "--name", "Bau AG", "--company", "--switchboard", "--number", "044 888 77-00")

    assert found(run, "044 888 77 45")["quality"] == "switchboard"


def test_contacts_are_listed_all_or_those_of_a_source(run: Run, file: Path) -> None:
    assert run("list") == "nobody\n"
    run("import", "csv", file, "--source", "crm")
    run("add", "--name", "Carla", "--number", "044 555 01 01")

    assert [one["name"] for one in json.loads(run("list", "--json"))] == [
        "Anna Meier", "Beat Huber", "Carla",
    ]  # fmt: skip
    assert "Carla" not in run("list", "--source", "crm")
    assert len(run("list", "--limit", "2").splitlines()) == 2


def test_a_contact_is_found_by_name(run: Run, file: Path) -> None:
    run("import", "csv", file, "--source", "crm")

    assert [one["name"] for one in found(run, "hub")["contacts"]] == ["Beat Huber"]
    assert "Beat Huber (person, crm)" in run("find", "hub")


def test_a_number_nobody_has_shows_the_nearest(run: Run, file: Path) -> None:
    run("import", "csv", file, "--source", "crm")

    result = run("find", "044 123 45 66")

    assert "+41441234566: Not in the contacts" in result
    assert "near: +41441234567" in result


def test_a_contact_is_added_changed_and_removed_by_hand(run: Run) -> None:
    run("add", "--name", "Anna", "--number", "044 123 45 67", "--employer", "Muster AG")
    anna = found(run, ANNA)["contact"]
    assert (anna["source"], anna["company"]) == ("own", "Muster AG")

    run("edit", anna["id"], "--name", "Anna Meier", "--add-number", "079 555 01 01")
    shown = json.loads(run("show", anna["id"], "--json"))
    assert shown["name"] == "Anna Meier"
    assert [one["e164"] for one in shown["numbers"]] == ["+41441234567", "+41795550101"]

    run("edit", anna["id"], "--number", "044 123 45 68")
    assert found(run, ANNA)["quality"] == "none"

    run("edit", anna["id"], "--inactive")
    assert found(run, "044 123 45 68")["quality"] == "none"

    run("remove", anna["id"])
    with pytest.raises(CommandFailed, match="no contact"):
        run("show", anna["id"])


def test_what_is_no_number_is_not_added(run: Run) -> None:
    with pytest.raises(CommandFailed, match="no digits"):
        run("add", "--name", "Anna", "--number", "ask the office")

    assert found(run, "Anna")["contacts"] == []


def test_what_is_typed_in_counts_more_than_an_import_without_a_priority(
    run: Run, file: Path
) -> None:
    run("import", "csv", file, "--source", "crm")
    run("add", "--name", "Anna by hand", "--number", ANNA)

    assert found(run, ANNA)["contact"]["name"] == "Anna by hand"


def test_an_imported_contact_is_changed_at_its_source(run: Run, file: Path) -> None:
    run("import", "csv", file, "--source", "crm")
    anna = found(run, ANNA)["contact"]["id"]

    for command in (["edit", anna, "--name", "X"], ["remove", anna]):
        with pytest.raises(CommandFailed, match="comes from crm"):
            run(*command)
    run("edit", anna, "--name", "X", "--anyway")

    assert found(run, ANNA)["contact"]["name"] == "X"


def test_all_that_is_kept_is_shown(run: Run) -> None:
    run("sample")
    anna = found(run, ANNA)["contact"]["id"]

    result = run("show", anna)

    assert "number   +41441234567 work" in result
    assert "dossier  2024-011 Meier Anna" in result
    assert "matter 2024-011/1 Scheidung Meier / Meier (open)" in result


def test_sources_are_listed_in_the_order_in_which_they_decide(run: Run, file: Path) -> None:
    run("import", "csv", file, "--source", "a", "--priority", "1")
    run("import", "csv", file, "--source", "b", "--priority", "2")

    assert [one["name"] for one in json.loads(run("sources", "--json"))] == ["b", "a"]
    assert found(run, ANNA)["contact"]["source"] == "b"

    run("source", "b", "--off")
    assert found(run, ANNA)["contact"]["source"] == "a"

    run("source", "b", "--on", "--priority", "0")
    assert found(run, ANNA)["contact"]["source"] == "a"

    run("source", "a", "--remove")
    assert found(run, ANNA)["contact"]["source"] == "b"
    with pytest.raises(CommandFailed, match="there is no source a"):
        run("source", "a", "--off")


def test_a_choice_is_listed_and_revoked(run: Run, folder: Path, file: Path) -> None:
    from consumers.directory.directory import Directory

    file.write_text("key;name;work\n1;Anna;044 123 45 67\n2;Beat;044 123 45 67\n")
    run("import", "csv", file, "--source", "crm")
    first = found(run, ANNA)["candidates"][0]["id"]
    with Directory(folder / "data" / "starface2mqtt.db") as directory:
        directory.remember_choice("0011", "+41441234567", first)

    assert "+41441234567" in run("choices", "0011")
    assert json.loads(run("find", ANNA, "--user", "0011", "--json"))["remembered"] is True
    assert run("choices", "0011", "--forget", ANNA) == ""


def test_an_export_can_be_imported_again(run: Run, folder: Path) -> None:
    run("sample")
    file = folder / "export.csv"
    run("export", "csv", "--output", file)

    result = run("import", "csv", file, "--source", "sample")

    assert "contacts: 0 added, " in result
    assert "dossiers: 0 added, 0 changed, 0 removed, 9 unchanged" in result
    assert "refused" not in result
    assert run("export", "csv") == file.read_text()
    assert found(run, "044 555 02 55")["quality"] == "switchboard"
    assert found(run, "+43158858")["quality"] == "exact"
    assert file.stat().st_mode & 0o077 == 0


def test_an_export_has_all_contacts(run: Run) -> None:
    run("sample")

    rows = list(csv.DictReader(io.StringIO(run("export", "csv"))))
    document = json.loads(run("export", "json", "--source", "sample"))

    assert len({row["key"] for row in rows}) == len(document) == 13
    [anna] = [one for one in document if one["name"] == "Anna Meier"]
    assert [one["key"] for one in anna["dossiers"][0]["matters"]] == ["M-1001", "M-1002"]
    assert json.loads(run("export", "json", "--source", "nobody")) == []


def test_the_contacts_of_another_office_are_read_its_own_way(run: Run, folder: Path) -> None:
    with (folder / "starface2mqtt.toml").open("a") as config:
        config.write('[offices.vienna]\ncountry = "AT"\narea_code = "1"\n')
    file = folder / "vienna.csv"
    file.write_text("key;name;work\n1;Anton Gruber;01 234 56 78\n")

    run("import", "--office", "vienna", "csv", file, "--source", "vienna")

    assert "Anton Gruber" in run("find", "+43 1 2345678")


@pytest.mark.parametrize("text", ["Müller", "Mueller", "Muller", "Mu\u0308ller", "jürg"])
def test_a_name_is_found_however_it_is_spelled(run: Run, folder: Path, text: str) -> None:
    file = folder / "cards.vcf"
    file.write_text("BEGIN:VCARD\nFN:Ju\u0308rg Mu\u0308ller\nTEL:044 555 01 01\nEND:VCARD\n")
    run("import", "vcard", file, "--source", "phone")

    assert "Jürg Müller" in run("find", text)
