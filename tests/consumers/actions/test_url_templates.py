import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.actions.url_templates import (
    AddressRefused,
    TemplateRefused,
    ValueMissing,
    allowed,
    check,
    fill,
    hosts_of,
    places,
)

TEMPLATE = "https://files.example/matters/{id}?from={number}"


@pytest.mark.parametrize(
    "template",
    [
        "https://files.example/{id}",
        "https://files.example:8443/x#{name?}",
        "dms:open?matter={id}",
        "DMS:{id}".lower(),
    ],
)
def test_a_template_with_fixed_scheme_and_host_is_taken(template: str) -> None:
    check(template, ("https", "dms"))


@pytest.mark.parametrize(
    "template",
    [
        "javascript:alert({id})",
        "data:text/html,{name}",
        "file:///etc/{id}",
        "http://files.example/{id}",
        "//files.example/{id}",
        "https:files.example/{id}",
        "https://{name}/x",
        "https://files.{name}/x",
        "https://{name}@files.example/x",
        "https://me:secret@files.example/{id}",
        "{name}://files.example/x",
        "{name}",
        "files.example/{id}",
        "https://files.example/{nobody}",
        "https://files.example/{id",
        "https://files.example/id}",
        "https://files.example/{{id}}",
        "https://files.example/ {id}",
        "https://[::1/{id}",
        "https:///{id}",
    ],
)
def test_any_other_template_is_refused(template: str) -> None:
    with pytest.raises(TemplateRefused):
        check(template, ("https", "dms", "javascript", "data", "file"))


def test_values_are_encoded_as_a_whole() -> None:
    address = fill(TEMPLATE, {"id": "a/b?c=d&e#f", "number": "+41 44"})

    assert address == "https://files.example/matters/a%2Fb%3Fc%3Dd%26e%23f?from=%2B41%2044"


def test_umlauts_are_encoded_as_utf_8() -> None:
    assert (
        fill("https://a.example/{name}", {"name": "Zoë Ü"}) == "https://a.example/Zo%C3%AB%20%C3%9C"
    )


@pytest.mark.parametrize("value", ["", " ", "\t"])
def test_a_missing_value_gives_no_half_address(value: str) -> None:
    with pytest.raises(ValueMissing) as missing:
        fill(TEMPLATE, {"id": value, "number": "1"})

    assert missing.value.name == "id"


def test_a_value_that_may_be_missing_is_left_out() -> None:
    assert fill("https://a.example/?n={name?}", {}) == "https://a.example/?n="


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("https://a.example/m/{id}/x", ".."),
        ("https://a.example/m/{id}", "."),
        ("https://a.example/m/.{id}/x", "."),
        ("https://a.example/m/{id}", "../../admin"),
        ("https://a.example/m/{id}", "..\\admin"),
        ("https://a.example/#/m/{id}", ".."),
        ("dms:open/{id}", ".."),
        ("dms://{id}/x", ".."),
    ],
)
def test_a_value_never_leads_to_the_folder_above(template: str, value: str) -> None:
    with pytest.raises(AddressRefused):
        allowed(fill(template, {"id": value}), ("https", "dms"), ("a.example",))


def test_points_in_a_query_or_a_name_are_only_points() -> None:
    address = fill("https://a.example/{id}?name={name}", {"id": "Ltd..", "name": ".."})

    assert allowed(address, ("https",), ("a.example",)) == address


@pytest.mark.parametrize(
    ("address", "hosts"),
    [
        ("https://files.example:8443/", ("files.example",)),
        ("https://files.example/", ("files.example:8443",)),
        ("https://files.example:0/", ("files.example",)),
        ("https://files.example:99999/", ("files.example",)),
        ("https://files.example:80/", ("files.example",)),
        ("https://[::1]:8443/", ("::1",)),
    ],
)
def test_an_address_needs_an_allowed_port(address: str, hosts: tuple[str, ...]) -> None:
    with pytest.raises(AddressRefused):
        allowed(address, ("https",), hosts)


@pytest.mark.parametrize(
    ("address", "hosts"),
    [
        ("https://files.example:443/", ("files.example",)),
        ("https://files.example/", ("FILES.example:443",)),
        ("https://files.example:8443/", ("files.example:8443",)),
        ("https://[::1]:8443/", ("[::1]:8443",)),
        ("https://[::1]/", ("::1",)),
    ],
)
def test_the_usual_port_need_not_be_written(address: str, hosts: tuple[str, ...]) -> None:
    assert allowed(address, ("https",), hosts) == address


def test_an_address_that_is_too_long_is_refused() -> None:
    with pytest.raises(AddressRefused):
        fill(TEMPLATE, {"id": "x" * 3000, "number": "1"})


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/",
        "http://files.example/",
        "https://files.example@evil.example/",
        "https://evil.example\\@files.example/",
        "javascript:alert(1)",
        "https://files.example/\r\nX: y",
        "https://files.example.evil.example/",
        "",
    ],
)
def test_an_address_of_a_record_needs_an_allowed_scheme_and_host(address: str) -> None:
    with pytest.raises(AddressRefused):
        allowed(address, ("https",), ("files.example",))


def test_an_allowed_address_is_left_as_it_is() -> None:
    assert allowed("https://FILES.example/a?b", ("https",), ("files.example",)).endswith("a?b")


def test_the_hosts_of_templates_are_known() -> None:
    assert hosts_of([TEMPLATE, "", "dms:{id}"]) == {"files.example"}
    with_ports = ["https://a.example:8443/{id}", "https://[::1]:444/", "https://b.example:443/"]
    assert hosts_of(with_ports) == {"a.example:8443", "[::1]:444", "b.example"}


def test_an_unknown_placeholder_is_named_with_what_is_known() -> None:
    with pytest.raises(TemplateRefused, match=r"\{who\} is no placeholder; known are .*number"):
        places("https://a.example/{who}")


@given(st.text(max_size=200))
def test_no_value_leaves_its_place(value: str) -> None:
    try:
        address = fill("https://a.example/x/{name}/y", {"name": value})
        allowed(address, ("https",), ("a.example",))
    except (ValueMissing, AddressRefused):
        return
    inner = address.removeprefix("https://a.example/x/").removesuffix("/y")
    assert not set(inner) & set("/?#&=\\:@ \r\n<>\"'")
    assert allowed(address, ("https",), ("a.example",)) == address
