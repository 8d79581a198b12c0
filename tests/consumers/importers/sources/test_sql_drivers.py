import pytest

from consumers.importers.sources.sql_drivers import missing, unknown


@pytest.mark.parametrize(
    ("module", "package"),
    [
        ("psycopg", "'psycopg[binary]'"),
        ("psycopg2", "'psycopg2-binary'"),
        ("pymysql", "'pymysql'"),
        ("MySQLdb", "'mysqlclient', or begin the address with mysql+pymysql://"),
        ("pyodbc", "'pyodbc'"),
        ("oracledb.thin", "'oracledb'"),
    ],
)
def test_a_missing_driver_is_named_by_the_package_to_install(module: str, package: str) -> None:
    error = ModuleNotFoundError(f"No module named '{module}'", name=module)

    assert f"pip install {package}" in missing(error)


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        ("no pq wrapper available.", "psycopg[binary]"),
        ("libodbc.so.2: cannot open shared object file", "unixODBC"),
        ("libmariadb.so.3: cannot open shared object file", "libmariadb.so.3"),
    ],
)
def test_a_driver_whose_library_is_missing_says_which(words: str, advice: str) -> None:
    assert advice in missing(ImportError(words))


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgres://anna:s3cret@host/db", "try postgresql+psycopg://"),
        ("mysql+nosuch://anna:s3cret@host/db", "try mysql+pymysql://"),
        ("firebird://anna:s3cret@host/db", "its dialect is not installed"),
        ("anna:s3cret", "as in postgresql+psycopg://"),
        ("anna:s3cret@host://db", "as in postgresql+psycopg://"),
    ],
)
def test_an_address_that_is_not_known_is_told_without_its_password(url: str, words: str) -> None:
    assert words in unknown(url)
    assert "s3cret" not in unknown(url)
