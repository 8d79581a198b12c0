import pytest

from starface.credential import Kind, derive, rest_secret

# P 2.2: the first published, the others recomputed independently.
PUBLISHED = (
    "123:81d8af78c98b153485f7d48e3437eb735ba37f0f013c5e06ba74536776c594569"
    "4e7cde71e2effbed7b5a1d1a4566fadcd847ef4098c234052fdfd288e8b6ced"
)
OWN = (
    "0011:2c1a012f448fa5514b26734aa2a94f3f03fd18dd92386ac59628878249be33a7"
    "a1cffe4478716e93c175f0d0f55d43f89e053f9257b9d77464970473ad4cc4d0"
)
REST = (
    "0011:7dd5cca5caa1dd5faf9b4138e35f67f3d3a833170dff8c04af721f206e82d0ff"
    "56b27c6cf340a19f414db0e9cd61d3c7a1073ebeb616235f2746a8e7e75b7eaa"
)


@pytest.mark.parametrize(
    ("kind", "login", "password", "token"),
    [
        ("sha512", "123", "Pass123", PUBLISHED),
        ("sha512", "0011", "Geheim#2024", OWN),
        ("md5", "0011", "Geheim#2024", "bb03cbdf42b1fc21d8e6fe51014b84da"),
        ("ad", "0011", "Geheim#2024", "MDAxMSpHZWhlaW0jMjAyNA=="),
    ],
)
def test_a_token_is_derived_as_the_pbx_derives_it(
    kind: Kind, login: str, password: str, token: str
) -> None:
    assert kind != "oauth"
    credential = derive(kind, login, password)

    assert credential.kind == kind
    assert credential.secret.get_secret_value() == token


def test_a_password_with_umlauts_is_hashed_as_utf_8() -> None:
    composed = derive("md5", "0011", "Schlüssel").secret.get_secret_value()

    assert composed == "0bda84bd75ec01d0e0874b7db4124dd3"  # printf, md5sum


def test_the_secret_of_a_rest_login_has_no_asterisk() -> None:
    assert rest_secret("0011", "Kq7Zt4xYb1", "Geheim#2024") == REST


def test_the_secret_of_a_rest_login_by_directory_is_base64() -> None:
    assert rest_secret("0011", "n", "Geheim", directory=True) == "MDAxMW5HZWhlaW0="


def test_a_credential_does_not_show_its_secret() -> None:
    credential = derive("sha512", "123", "Pass123")

    assert PUBLISHED not in f"{credential!r} {credential}"
    assert "Pass123" not in f"{credential!r} {credential}"
