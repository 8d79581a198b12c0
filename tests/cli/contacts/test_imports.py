import csv
import json
import sqlite3
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from cli.site.context import CommandFailed
from tests.cli.contacts_command import ANNA, Run, found


def test_a_csv_file_is_imported_and_counts_at_once(run: Run, file: Path) -> None:
    result = run("import", "csv", file, "--source", "crm", "--priority", "10")

    assert "crm: contacts: 2 added, 0 changed, 0 removed, 0 unchanged" in result
    match = found(run, ANNA)
    assert (match["quality"], match["contact"]["name"]) == ("exact", "Anna Meier")


def test_a_second_import_reports_the_difference(run: Run, file: Path) -> None:
    run("import", "csv", file, "--source", "crm")
    file.write_text("key;name;work\n1;Anna Huber;044 123 45 67\n3;Carla;044 123 45 68\n")

    result = run("import", "csv", file, "--source", "crm")

    assert "1 added, 1 changed, 1 removed, 0 unchanged" in result
    assert found(run, ANNA)["contact"]["name"] == "Anna Huber"


def test_an_import_that_is_repeated_reports_again_what_it_refuses(run: Run, file: Path) -> None:
    file.write_text("key;name;work\n1;Anna;044 123 45 67\n2;Beat;044 12\n")
    first = run("import", "csv", file, "--source", "crm")
    again = run("import", "csv", file, "--source", "crm")

    assert "0 added, 0 changed, 0 removed, 2 unchanged" in again
    assert again.splitlines()[1:] == first.splitlines()[1:]
    assert "line 3" in again


def test_another_meaning_of_the_columns_is_read_again(run: Run, file: Path, folder: Path) -> None:
    mapping = folder / "mapping.toml"
    for label in ("work", "mobile"):
        numbers = f'numbers = [{{ column = "work", label = "{label}" }}]'
        mapping.write_text(f'[contact]\nkey = "key"\nname = "name"\n{numbers}\n')
        result = run("import", "csv", file, "--source", "crm", "--mapping", mapping)

    assert "0 added, 2 changed" in result


def test_a_dry_run_changes_nothing(run: Run, file: Path) -> None:
    result = run("import", "csv", file, "--source", "crm", "--dry-run")

    assert "2 added" in result
    assert "Nothing was changed" in result
    assert found(run, ANNA)["quality"] == "none"
    assert run("sources") == ""


def test_an_import_that_would_empty_a_source_needs_force(run: Run, file: Path) -> None:
    run("import", "csv", file, "--source", "crm")
    file.write_text("key;name;work\n")

    with pytest.raises(CommandFailed, match="2 of 2 contacts of crm would be removed"):
        run("import", "csv", file, "--source", "crm")
    assert found(run, ANNA)["quality"] == "exact"

    run("import", "csv", file, "--source", "crm", "--force")
    assert found(run, ANNA)["quality"] == "none"


def test_refused_rows_are_reported_with_line_and_reason(run: Run, folder: Path, file: Path) -> None:
    rows = "".join(f"{n};;\n" for n in range(30))
    file.write_text("key;name;work\n1;Anna;ask the office\n" + rows)
    refused = folder / "refused.csv"

    result = run("import", "csv", file, "--source", "crm", "--refused", refused)

    assert "Refused: 30 rows, 1 numbers;" in result
    assert "line 2: 'ask the office': no digits" in result
    assert "and 11 more" in result
    assert len(refused.read_text().splitlines()) == 32
    assert refused.stat().st_mode & 0o077 == 0


def test_a_file_of_which_nothing_could_be_taken_is_a_failure(run: Run, file: Path) -> None:
    file.write_text("key;name;work\n1;;\n")

    with pytest.raises(CommandFailed, match="every row was refused"):
        run("import", "csv", file, "--source", "crm")


def test_a_mapping_names_the_columns(run: Run, folder: Path, file: Path) -> None:
    mapping = folder / "mapping.toml"
    mapping.write_text('[contact]\nkey = "Nr"\nname = "{Vor} {Nach}"\nnumbers = ["Tel"]\n')
    file.write_text("Nr,Vor,Nach,Tel\n7,Anna,Meier,044 123 45 67\n")
    run("import", "csv", file, "--source", "crm", "--mapping", mapping)

    assert found(run, ANNA)["contact"]["name"] == "Anna Meier"

    mapping.write_text('[contact]\nnmae = "x"\n')
    with pytest.raises(CommandFailed, match=r"contact\.nmae"):
        run("import", "csv", file, "--source", "crm", "--mapping", mapping)


def test_vcards_are_imported(run: Run, folder: Path) -> None:
    card = folder / "anna.vcf"
    card.write_text("BEGIN:VCARD\nVERSION:3.0\nFN:Anna\nTEL:044 123 45 67\nEND:VCARD\n")
    run("import", "vcard", card, "--source", "phone")

    assert found(run, ANNA)["contact"]["source"] == "phone"


def test_the_rows_of_a_query_are_imported(run: Run, folder: Path) -> None:
    with sqlite3.connect(folder / "office.db") as made:
        made.execute("CREATE TABLE person (nr, name, tel)")
        made.execute("INSERT INTO person VALUES (1, 'Anna', '044 123 45 67')")
    made.close()
    query = folder / "query.sql"
    query.write_text("SELECT nr AS key, name, tel AS work FROM person")
    address = {"CONTACTS_SQL_URL": f"sqlite:///{folder / 'office.db'}"}
    run("import", "sql", query, "--source", "office", env=address)

    assert found(run, ANNA)["contact"]["name"] == "Anna"
    with pytest.raises(CommandFailed, match="CONTACTS_SQL_URL"):
        run("import", "sql", query, "--source", "office", env={"CONTACTS_SQL_URL": ""})


def test_a_push_in_a_file_is_applied(run: Run, folder: Path) -> None:
    file = folder / "push.json"
    anna = {"key": "1", "name": "Anna", "numbers": ["044 123 45 67"]}
    file.write_text(json.dumps({"source": "crm", "contacts": [anna]}))
    run("import", "json", file)

    assert found(run, ANNA)["contact"]["name"] == "Anna"

    file.write_text("{}")
    with pytest.raises(CommandFailed, match="source"):
        run("import", "json", file)


def test_a_push_in_a_file_is_tried(run: Run, folder: Path) -> None:
    file = folder / "push.json"
    anna = {"key": "1", "name": "Anna", "numbers": ["044 123 45 67", "044 1"]}
    file.write_text(json.dumps({"source": "crm", "contacts": [anna]}))

    result = run("import", "json", file, "--dry-run")

    assert "1 added" in result
    assert "Refused: 0 rows, 1 numbers;" in result
    assert "Nothing was changed" in result
    assert found(run, ANNA)["quality"] == "none"


def test_a_push_with_nothing_in_it_says_so(run: Run, folder: Path) -> None:
    file = folder / "push.json"
    file.write_text('{"source": "crm", "contcts": []}')

    assert "crm: there was nothing in it" in run("import", "json", file)


class Starface(BaseHTTPRequestHandler):
    """The REST login and one page of an address book."""

    def do_GET(self) -> None:
        if self.path == "/rest/login":
            self._send({"loginType": "Internal", "nonce": "n", "secret": None})
        else:
            self._send(
                {
                    "contacts": [
                        {
                            "id": "17",
                            "summaryValues": ["Anna", "Meier"],
                            "phoneNumberValues": ["+41441234567"],
                        }
                    ],
                    "metadata": {"page": 0, "totalPages": 1},
                    "summaryBlockSchema": {
                        "attributes": [{"displayKey": "NAME"}, {"displayKey": "SURNAME"}]
                    },
                    "phoneNumbersBlockSchema": {
                        "attributes": [{"displayKey": "OFFICE_PHONE_NUMBER"}]
                    },
                }
            )

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._send({"token": "t"})

    def do_DELETE(self) -> None:
        self._send({})

    def log_message(self, *_: object) -> None:
        pass

    def _send(self, given: object) -> None:
        body = json.dumps(given).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def starface() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Starface) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_the_address_book_of_the_starface_is_imported(
    run: Run, folder: Path, starface: int
) -> None:
    config = folder / "starface2mqtt.toml"
    reported = (
        f'[starface]\nhost = "127.0.0.1"\nport = {starface}\nscheme = "http"\nauth = "sha512"\n'
    )
    config.write_text(config.read_text() + reported)

    run("import", "starface", "0011", env={"CONTACTS_PASSWORD": "secret"})

    contact = found(run, ANNA)["contact"]
    assert (contact["name"], contact["source"]) == ("Anna Meier", "starface")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["csv", "nothing.csv"], "No such file"),
        (["vcard", "nothing.vcf"], "No such file"),
        (["carddav", "http://127.0.0.1:1/"], "plain text"),
        (["ldap", "ldap://127.0.0.1:1", "--base", "dc=x", "--plain"], r"127\.0\.0\.1"),
        (["ldap", "ldaps://127.0.0.1:1", "--base", "dc=x", "--user", "x"], "CONTACTS_PASSWORD"),
    ],
)
def test_a_source_that_cannot_be_read_is_reported_in_one_line(
    run: Run, words: list[str], reason: str
) -> None:
    with pytest.raises(CommandFailed, match=reason) as failed:
        run("import", *words, "--source", "x")

    assert "\n" not in str(failed.value)


def test_a_further_server_of_address_books_is_named_by_its_host(run: Run) -> None:
    with pytest.raises(CommandFailed, match="--also-host"):
        run(
            *("import", "carddav", "https://dav.example.ch/", "--source", "cloud"),
            *("--also-host", "https://other.example.ch/"),
        )


def test_sources_of_one_priority_are_reported_with_what_to_do(run: Run, file: Path) -> None:
    run("import", "csv", file, "--source", "a", "--priority", "1")

    result = run("import", "csv", file, "--source", "b", "--priority", "1")

    assert "b and a have one priority" in result
    assert "contacts source b --priority N" in result
    assert run("sources").count("decides together with") == 2
    assert "decides together with" not in run("source", "b", "--priority", "2")


def test_an_import_without_a_priority_stands_behind_the_others(run: Run, file: Path) -> None:
    run("import", "csv", file, "--source", "a")
    result = run("import", "csv", file, "--source", "b")

    assert "priority" not in result
    assert found(run, ANNA)["contact"]["source"] == "a"


def test_a_card_that_is_refused_stays_as_it_was(run: Run, folder: Path) -> None:
    file = folder / "cards.vcf"
    anna = "BEGIN:VCARD\nUID:1\nFN:Anna\nTEL:044 555 01 01\nEND:VCARD\n"
    file.write_text(anna + "BEGIN:VCARD\nUID:2\nFN:Bernd\nTEL:044 555 01 02\nEND:VCARD\n")
    run("import", "vcard", file, "--source", "phone")
    file.write_text(anna + "BEGIN:VCARD\nUID:2\nTEL:044 555 01 03\nEND:VCARD\n")

    shown = run("import", "vcard", file, "--source", "phone")

    assert "0 added, 0 changed, 0 removed, 2 unchanged" in shown
    assert "line 6: neither a name nor a company; kept as it was" in shown
    assert found(run, "044 555 01 02")["contact"]["name"] == "Bernd"


def test_a_row_that_is_refused_keeps_its_contact_and_what_is_below(run: Run, folder: Path) -> None:
    file = folder / "contacts.csv"
    head = "key,name,work,dossier,dossier title\n"
    file.write_text(head + "1,Anna,044 555 01 01,d1,Miete\n2,Bernd,044 555 01 02,,\n3,Carla,,,\n")
    run("import", "csv", file, "--source", "crm")
    file.write_text(head + "1,,044 555 01 01,d1,Miete\n2,Bernd,044 555 01 02,,,,,x\n3,Carla,,,\n")

    shown = run("import", "csv", file, "--source", "crm")

    assert "contacts: 0 added, 0 changed, 0 removed, 3 unchanged" in shown
    assert "dossiers: 0 added, 0 changed, 0 removed, 1 unchanged" in shown
    assert found(run, "044 555 01 01")["contact"]["name"] == "Anna"


def test_what_is_left_out_is_named_and_in_the_file_of_refusals(run: Run, folder: Path) -> None:
    file, refused = folder / "cards.vcf", folder / "refused.csv"
    file.write_text("BEGIN:VCARD\nFN:Anna\nno line\nTEL:044 555 01 01\nEND:VCARD\nBEGIN:VCARD\n"
                    "FN:Bernd\nTEL:044 555 01 02 nur Notfall\nEND:VCARD\n")  # fmt: skip

    shown = run("import", "vcard", file, "--source", "phone", "--refused", refused)

    assert "line 3: no vCard line, left out" in shown
    with refused.open(newline="") as rows:
        assert [row[:2] for row in csv.reader(rows)][1:] == [["line 3", "part"]]


def test_the_command_does_not_matter_where_the_file_says_what_it_is(run: Run, folder: Path) -> None:
    cards = folder / "contacts.csv"
    cards.write_text("BEGIN:VCARD\nFN:Anna\nTEL:044 555 01 01\nEND:VCARD\n")
    book = folder / "book.vcf"
    book.write_text(
        "<phonebooks><phonebook><contact><person><realName>Bernd</realName></person><telephony>"
        "<number>044 555 01 02</number></telephony></contact></phonebook></phonebooks>"
    )

    assert "1 added" in run("import", "csv", cards, "--source", "a")
    assert "1 added" in run("import", "vcard", book, "--source", "b")
    assert "1 unchanged" in run("import", "fritzbox", book, "--source", "b")


def test_a_page_of_a_portal_instead_of_the_export_is_named(run: Run, folder: Path) -> None:
    file = folder / "contacts.csv"
    file.write_text("<!DOCTYPE html><html><body>Please log in</body></html>")

    with pytest.raises(CommandFailed, match="a web page, perhaps instead of the export"):
        run("import", "csv", file, "--source", "crm")


def test_a_file_that_may_have_two_encodings_is_read_as_the_last_one(run: Run, folder: Path) -> None:
    file = folder / "list.csv"
    file.write_bytes("Name;Ort;Telefon\nJürg Müller;;044 555 01 01\n".encode("mac_roman"))
    run("import", "csv", file, "--source", "crm")
    file.write_bytes("Name;Ort;Telefon\nJürg …;;044 555 01 01\n".encode("mac_roman"))

    run("import", "csv", file, "--source", "crm", "--force")

    assert found(run, "044 555 01 01")["contact"]["name"] == "Jürg …"
