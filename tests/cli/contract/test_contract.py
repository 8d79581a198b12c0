import gzip
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from referencing import Registry, Resource

from bus.messages import MESSAGES
from bus.topics import Topics
from cli.contract import contract
from tests.conftest import ROOT

DOCS = ROOT / "docs"
PUBLIC = ROOT / "tests" / "contract" / "asyncapi-3.0.0.schema.json.gz"
EXAMPLES = contract.read_examples(DOCS)


@pytest.fixture(scope="module")
def documents() -> dict[str, Any]:
    return contract.documents(EXAMPLES)


def test_what_is_committed_is_what_the_models_say(documents: dict[str, Any]) -> None:
    expected = {name: contract.text(document) for name, document in documents.items()}

    assert {name: (DOCS / name).read_text() for name in documents} == expected


def test_writing_again_changes_nothing(tmp_path: Path, documents: dict[str, Any]) -> None:
    written = {path.relative_to(tmp_path).as_posix() for path in contract.write(tmp_path)}

    assert written == set(documents)


def test_the_document_is_asyncapi_3_by_the_public_schema() -> None:
    public = json.loads(gzip.decompress(PUBLIC.read_bytes()))
    document = json.loads((DOCS / "asyncapi.json").read_text())

    jsonschema.Draft7Validator(public).validate(document)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft7Validator(public).validate(document | {"channels": []})


@pytest.mark.parametrize("name", MESSAGES)
def test_each_schema_is_json_schema(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(contract.schema(name))


@pytest.mark.parametrize("name", MESSAGES)
def test_an_example_that_went_over_the_wire_fits_schema_and_model(name: str) -> None:
    example = EXAMPLES[name]

    jsonschema.Draft202012Validator(contract.schema(name)).validate(example)
    MESSAGES[name].model_validate(example)


@pytest.mark.parametrize("name", MESSAGES)
def test_a_schema_refuses_what_is_no_such_message(name: str) -> None:
    validator = jsonschema.Draft202012Validator(contract.schema(name))

    assert not validator.is_valid({})
    assert not validator.is_valid({**EXAMPLES[name], "data": None})
    assert validator.is_valid({**EXAMPLES[name], "unknown": 1})


def test_every_reference_leads_somewhere(documents: dict[str, Any]) -> None:
    document = documents["asyncapi.json"]
    resource: Resource[Any] = Resource.opaque(document)
    resolver = Registry().with_resource("", resource).resolver()

    for reference in _references(document):
        assert resolver.lookup(reference).contents


def test_the_channels_are_the_topics(documents: dict[str, Any]) -> None:
    addresses = {one["address"] for one in documents["asyncapi.json"]["channels"].values()}
    wanted = Topics("x").dial_result("y").replace("x/", "{base}/").replace("/y/", "/{user}/")

    assert wanted in addresses
    assert all(address.startswith("{base}") for address in addresses)


def _references(part: Any) -> list[str]:
    if isinstance(part, dict):
        own = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
        return own + [found for value in part.values() for found in _references(value)]
    if isinstance(part, list):
        return [found for value in part for found in _references(value)]
    return []
