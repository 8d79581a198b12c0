import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
_PLACE = re.compile(
    r"`((?:bus|cli|consumers|gateway|panel|runtime|starface|texts)/[a-z0-9_/]+(?:\.[a-z]+|/))`"
)
_LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(document: Path) -> None:
    links = _LINK.findall(document.read_text())

    assert [link for link in links if not (document.parent / link).exists()] == []


def test_the_documents_named_in_the_example_are_there() -> None:
    named = re.findall(r"docs/[a-z]+\.md", (ROOT / "starface2mqtt.example.toml").read_text())

    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_file_named_in_a_document_is_there(document: Path) -> None:
    named = _PLACE.findall(document.read_text())

    assert [name for name in named if not (ROOT / name).exists()] == []
