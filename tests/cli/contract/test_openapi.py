"""The descriptions of what is spoken by HTTP, held against the public schema of OpenAPI 3.1."""

import gzip
import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from cli.contract.openapi import openapi as of_gateway
from panel.openapi import document as of_panel
from tests.conftest import ROOT

FILE = ROOT / "tests" / "contract" / "openapi-3.1.schema.json.gz"
PUBLIC = json.loads(gzip.decompress(FILE.read_bytes()))
DOCUMENTS = [
    pytest.param(json.loads(json.dumps(reported)), id=name)
    for name, reported in (("gateway", of_gateway()), ("panel", of_panel()))
]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_document_is_openapi_3_1_by_the_public_schema(document: dict[str, Any]) -> None:
    validator = jsonschema.Draft202012Validator(PUBLIC)

    validator.validate(document)
    assert not validator.is_valid({**document, "paths": []})
    assert not validator.is_valid({**document, "info": {"title": "without a version"}})


@pytest.mark.parametrize("document", DOCUMENTS)
def test_each_schema_in_it_is_json_schema(document: dict[str, Any]) -> None:
    found = list(_schemas(document))

    assert found
    for schema in found:
        jsonschema.Draft202012Validator.check_schema(schema)


def _schemas(part: Any) -> Iterator[dict[str, Any]]:
    if isinstance(part, dict):
        if isinstance(part.get("schema"), dict):
            yield part["schema"]
        for name, value in part.items():
            if name == "schemas":
                yield from value.values()
            yield from _schemas(value)
    if isinstance(part, list):
        for value in part:
            yield from _schemas(value)
