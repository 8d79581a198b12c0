import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAY_IMPORT: dict[str, set[str]] = {
    "runtime": set(),
    "bus": {"runtime"},
    "starface": {"runtime", "bus.numbers.number"},
    "texts": {"bus.events"},
    "gateway": {"bus", "starface", "runtime", "texts"},
    "consumers": {"bus", "starface", "runtime", "texts"},
    "panel": {"bus", "starface", "runtime", "texts"},
    "cli": {"texts", "bus", "starface", "runtime", "gateway", "consumers", "panel"},
}
MODULES = sorted(path for package in MAY_IMPORT for path in (ROOT / package).rglob("*.py"))


def _imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_one_way(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0]
    allowed = MAY_IMPORT[package] | {package}
    ours = {name for name in _imports(path) if name.split(".")[0] in MAY_IMPORT}

    assert [name for name in ours if not {name, name.split(".")[0]} & allowed] == []


@pytest.mark.parametrize(
    ("library", "module"), [("paho", "paho_client.py"), ("mqtt5", "mqtt5_client.py")]
)
def test_one_module_alone_imports_a_library_that_speaks_mqtt(library: str, module: str) -> None:
    users = [path for path in MODULES if library in {_top(name) for name in _imports(path)}]

    assert users == [ROOT / "bus" / "mqtt" / module]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_one_module_alone_opens_databases(path: Path) -> None:
    """Whoever closes a file beside SQLite takes SQLite's locks away, and the file is destroyed."""
    tree = ast.parse(path.read_text())
    opened = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute | ast.ImportFrom) and _opens_a_database(node)
    ]

    assert path == ROOT / "runtime" / "sqlite.py" or opened == []


def _opens_a_database(node: ast.AST) -> bool:
    if isinstance(node, ast.ImportFrom):
        return node.module == "sqlite3" and any(one.name == "connect" for one in node.names)
    if isinstance(node, ast.Attribute):
        return ast.unparse(node) == "sqlite3.connect"
    return False


def test_every_module_says_in_its_first_sentence_why_it_exists() -> None:
    silent = [path for path in MODULES if not ast.get_docstring(ast.parse(path.read_text()))]

    assert silent == []


@pytest.mark.parametrize("word", ["utils", "helpers", "common", "base", "core", "const", "types"])
def test_no_module_has_a_name_that_says_nothing(word: str) -> None:
    assert [path for path in MODULES if path.stem == word] == []


def _top(name: str) -> str:
    return name.partition(".")[0]
