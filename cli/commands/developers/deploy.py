"""`deploy` and `contract`: the files that come with the program, printed."""

import json
from typing import Annotated, Literal

import typer

from cli.site.shipped import shipped

_DEPLOY = {
    "unit": "deploy/systemd/starface2mqtt.service",
    "broker-unit": "deploy/systemd/starface2mqtt-broker.service",
    "mosquitto": "mosquitto.conf",
    "nats": "deploy/brokers/nats-server.conf",
    "rabbitmq": "deploy/brokers/rabbitmq.conf",
    "configuration": "starface2mqtt.example.toml",
    "container": "deploy/container/Containerfile",
    "compose": "deploy/container/compose.yaml",
    "alerts": "deploy/prometheus/starface2mqtt.rules.yml",
    "grafana": "deploy/grafana/starface2mqtt.json",
}
File = Literal[
    "unit", "broker-unit", "mosquitto", "nats", "rabbitmq", "configuration", "container", "compose",
    "alerts", "grafana",
]  # fmt: skip
Document = Literal["asyncapi", "openapi", "schemas"]


def deploy(file: File) -> None:
    """Print a file for running it: units, the broker's configuration, container files, alerts."""
    typer.echo(shipped(_DEPLOY[file]).read_text(encoding="utf-8"), nl=False)


def contract(document: Annotated[Document, typer.Argument()] = "asyncapi") -> None:
    """Print the contract for other programs: AsyncAPI 3, OpenAPI, or all JSON Schemas by name."""
    if document == "schemas":
        folder = shipped("docs/schemas/CallEvent.json").parent
        schemas = {
            path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))
        }
        typer.echo(json.dumps(schemas, indent=2))
    else:
        typer.echo(shipped(f"docs/{document}.json").read_text(encoding="utf-8"), nl=False)
