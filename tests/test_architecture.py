import ast
import io
import re
import tokenize
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
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
SHARED_BY_CONSUMERS = {"users", "preferences", "actions"}
MAY_USE_THE_DIRECTORY = {"caller", "journal", "importers", "directory"}
MOST_MODULES = 20
# What is not said, neither in names nor in texts, and what is said instead.
WORDS = {
    r"told": "the noun it holds (request, event, row, answer), or: reported, published",
    r"tell|tells|telling": "report, publish, show, return, distinguish",
    r"hear|hears|heard|hearing": "receive, listen",
    r"anew": "again, once more",
    r"whoever": "the one meant: the sender, a writer, a user that ...",
    r"errands?": "task",
    r"put(?:s|ting)? off": "defer",
    r"(?:take|takes|taking|took|taken) up": "resume, accept, need",
    r"(?:go|goes|going|went|gone) on": "continue, proceed",
    r"(?:come|comes|coming|came) to": "reach, arrive at, result in",
    r"(?:be|is|are|was|were) there": "exist, run, be connected, be reachable",
}
_UNWANTED = re.compile(rf"\b(?:{'|'.join(WORDS)})\b".replace(" ", r"\s+"), re.IGNORECASE)
DOCUMENTS = sorted({*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")})
MODULES = sorted(path for package in MAY_IMPORT for path in (ROOT / package).rglob("*.py"))


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def _imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def test_imports_go_one_way() -> None:
    wrong = [f"{_dotted(path)} imports {name}" for path in MODULES for name in _forbidden(path)]

    assert wrong == []


def _forbidden(path: Path) -> list[str]:
    package = path.relative_to(ROOT).parts[0]
    allowed = MAY_IMPORT[package] | {package}
    ours = {name for name in _imports(path) if name.split(".")[0] in MAY_IMPORT}
    return [name for name in ours if not {name, name.split(".")[0]} & allowed]


def test_a_process_imports_no_other_process() -> None:
    consumers = [path for path in MODULES if path.is_relative_to(ROOT / "consumers")]
    wrong = {_dotted(path): other for path in consumers if (other := _other_processes(path))}

    assert wrong == {}


def _other_processes(path: Path) -> set[str]:
    room = path.relative_to(ROOT / "consumers").with_suffix("").parts[0]
    allowed = SHARED_BY_CONSUMERS | {room}
    if room in MAY_USE_THE_DIRECTORY:
        allowed.add("directory")
    names = [name.split(".") for name in _imports(path)]
    return {name[1] for name in names if name[0] == "consumers" and name[1:]} - allowed


def test_no_modules_import_each_other_in_a_circle() -> None:
    """What only annotations need (TYPE_CHECKING) is not imported and makes no circle."""
    names = {_dotted(path): path for path in MODULES}
    needed = {name: _needs(path) & (names.keys() - {name}) for name, path in names.items()}

    TopologicalSorter(needed).prepare()  # raises CycleError with the circle


def _needs(path: Path) -> set[str]:
    tree = _tree(path)
    annotations = {
        each
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for each in ast.walk(node)
    }
    needed: set[str] = set()
    for node in ast.walk(tree):
        if node in annotations:
            continue
        if isinstance(node, ast.Import):
            needed |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            needed |= {node.module} | {f"{node.module}.{name.name}" for name in node.names}
    return needed


def _dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@pytest.mark.parametrize(
    ("library", "module"), [("paho", "paho_client.py"), ("mqtt5", "mqtt5_client.py")]
)
def test_one_module_alone_imports_a_library_that_speaks_mqtt(library: str, module: str) -> None:
    users = [path for path in MODULES if library in {_top(name) for name in _imports(path)}]

    assert users == [ROOT / "bus" / "mqtt" / module]


def test_one_module_alone_opens_databases() -> None:
    """Closing a file beside SQLite takes SQLite's locks away, and the file is destroyed."""
    users = [path for path in MODULES if any(map(_opens_a_database, ast.walk(_tree(path))))]

    assert users == [ROOT / "runtime" / "sqlite.py"]


def _opens_a_database(node: ast.AST) -> bool:
    if isinstance(node, ast.ImportFrom):
        return node.module == "sqlite3" and any(one.name == "connect" for one in node.names)
    if isinstance(node, ast.Attribute):
        return ast.unparse(node) == "sqlite3.connect"
    return False


def test_every_module_says_in_its_first_sentence_why_it_exists() -> None:
    silent = [path for path in MODULES if not ast.get_docstring(_tree(path))]

    assert silent == []


@pytest.mark.parametrize("word", ["utils", "helpers", "common", "base", "core", "const", "types"])
def test_no_module_has_a_name_that_says_nothing(word: str) -> None:
    assert [path for path in MODULES if path.stem == word] == []


def test_no_folder_holds_more_modules_than_one_can_oversee() -> None:
    modules = [path for path in MODULES if path.name != "__init__.py"]
    sizes = Counter(str(path.parent.relative_to(ROOT)) for path in modules)

    assert [folder for folder, size in sizes.items() if size > MOST_MODULES] == []


def test_no_class_name_stands_for_two_things() -> None:
    homes = defaultdict(list)
    for path in MODULES:
        for node in ast.walk(_tree(path)):
            if isinstance(node, ast.ClassDef):
                homes[node.name].append(str(path.relative_to(ROOT)))

    assert {name: paths for name, paths in homes.items() if len(paths) > 1} == {}


@pytest.mark.parametrize("folder", [*MAY_IMPORT, "tests", "benchmarks"])
def test_names_and_texts_use_the_words_of_the_trade(folder: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {word!r}; say instead: {instead}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        if path != Path(__file__)
        for line, word, instead in _unwanted_words(path.read_text())
    ]

    assert found == []


def test_documents_use_the_words_of_the_trade() -> None:
    english = [path for path in DOCUMENTS if ".de." not in path.name]
    found = [
        f"{path.relative_to(ROOT)}: {match[0]!r}"
        for path in english
        for match in _UNWANTED.finditer(path.read_text())
    ]

    assert found == []


@pytest.mark.parametrize(
    ("source", "line", "word"),
    [
        ("x = 1\nwasTold = 1", 2, "told"),
        ("told_by = 1", 1, "told"),
        ("x = 1  # take it\n# whoever comes", 2, "whoever"),
        ('def f():\n    """Return this.\n\n    It goes\n    on.\n    """', 4, "goes on"),
        ("log.info('put_off')", 1, "put off"),
    ],
)
def test_an_unwanted_word_is_found_where_it_stands(source: str, line: int, word: str) -> None:
    assert [found[:2] for found in _unwanted_words(source)] == [(line, word)]


@pytest.mark.parametrize("source", ["stolen_gold = 'retold'", "'SELECT told FROM results'"])
def test_other_words_and_columns_of_databases_are_not_meant(source: str) -> None:
    assert list(_unwanted_words(source)) == []


def _unwanted_words(source: str) -> Iterator[tuple[int, str, str]]:
    if not _UNWANTED.search(_split(source)):
        return
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in (tokenize.NAME, tokenize.STRING, tokenize.COMMENT):
            continue
        text = _split(token.string)
        if token.type == tokenize.STRING and re.search(r"\b(SELECT|INSERT|UPDATE|AND|NOT)\b", text):
            text = re.sub(r"\btold\b", "", text)  # a column of files that exist already
        for match in _UNWANTED.finditer(text):
            line = token.start[0] + text[: match.start()].count("\n")
            word = " ".join(match[0].lower().split())
            yield line, word, next(WORDS[each] for each in WORDS if re.fullmatch(each, word))


def _split(text: str) -> str:
    """Return a text in which each word of a name stands alone."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", text).replace("_", " ")


def _top(name: str) -> str:
    return name.partition(".")[0]
