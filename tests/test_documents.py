import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
_LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(document: Path) -> None:
    links = _LINK.findall(document.read_text())

    assert [link for link in links if not (document.parent / link).exists()] == []


def test_the_documents_named_in_the_example_are_there() -> None:
    named = re.findall(r"docs/[a-z]+\.md", (ROOT / "starface2mqtt.example.toml").read_text())

    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_module_named_in_the_readme_is_there() -> None:
    named = re.findall(r"`((?:bus|gateway|consumers|starface)/[a-z_/]+(?:\.py)?)`",
                       (ROOT / "README.md").read_text())  # fmt: skip

    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []
