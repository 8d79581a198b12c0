import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
_PLACE = re.compile(
    r"`((?:bus|cli|consumers|gateway|panel|runtime|starface|texts)/[a-z0-9_/]+(?:\.[a-z]+|/))`"
)
_HEADING_LINK = re.compile(r"\]\((?!https?://)([^)#]*)#([^)]+)\)")
_LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(document: Path) -> None:
    links = _LINK.findall(document.read_text())

    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_to_a_heading_leads_to_one(document: Path) -> None:
    links = _HEADING_LINK.findall(document.read_text())

    assert [
        (target, heading) for target, heading in links
        if heading not in _headings(document.parent / target if target else document)
    ] == []  # fmt: skip


def _headings(document: Path) -> set[str]:
    """Return the headings as GitHub writes them into links."""
    lines = (line.lstrip("# ") for line in document.read_text().splitlines() if line[:1] == "#")
    return {re.sub(r"[^\w\- ]", "", line.strip().lower()).replace(" ", "-") for line in lines}


def test_the_documents_named_in_the_example_exist() -> None:
    named = re.findall(r"docs/[a-z]+\.md", (ROOT / "starface2mqtt.example.toml").read_text())

    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_file_named_in_a_document_exists(document: Path) -> None:
    named = _PLACE.findall(document.read_text())

    assert [name for name in named if not (ROOT / name).exists()] == []
