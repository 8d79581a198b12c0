"""`starface2mqtt doctor`: all checks in order, a line each, with the fix."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.doctor.findings import Finding, fail, ok
from cli.site.languages import chosen_language, terminal_language
from texts import Language, render

if TYPE_CHECKING:
    from cli.site.settings import Settings

_COLOURS = {"ok": typer.colors.GREEN, "warn": typer.colors.YELLOW, "fail": typer.colors.RED}


def doctor(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
    wait: Annotated[
        int, typer.Option(help="Seconds to wait for a visit of the gateway's page from outside.")
    ] = 0,
    support: Annotated[
        Path | None, typer.Option(help="Write a bundle for support, numbers and secrets masked.")
    ] = None,
    lang: Annotated[str | None, typer.Option(help="de, en, fr or it; default: the site's.")] = None,
) -> None:
    """Check the whole site, from the configuration to a test event; exit code 1 if one fails."""
    config: Path | None = (context.find_root().obj or {}).get("config")
    language = _language(config, lang)
    found = []
    for finding in examine(config, wait=wait):
        found.append(finding)
        if not as_json:
            _show(finding, language)
    if as_json:
        typer.echo(json.dumps([finding.as_json(language) for finding in found], indent=2))
    if support is not None:
        from cli.doctor.support import write_bundle

        write_bundle(support, config, found)
        typer.echo(render("doctor.bundle", language, path=support), err=True)
    counts = Counter(finding.level for finding in found)
    if not as_json:
        typer.echo(
            render(
                "doctor.summary", language, failed=counts["fail"], warned=counts["warn"],
                count=len(found),
            )
        )  # fmt: skip
    if counts["fail"]:
        raise typer.Exit(1)


def _language(config: Path | None, lang: str | None) -> Language:
    """Return the language that was asked for, that of the site, or that of the terminal."""
    from bus.settings import SettingsRefused
    from cli.site.settings import read

    if lang is not None:
        return chosen_language(lang)
    try:
        return read(config).site.language
    except SettingsRefused:
        return terminal_language()


def examine(config: Path | None, *, wait: int = 0) -> Iterator[Finding]:
    """Yield the findings one by one; what depends on something that failed is left out."""
    from bus.settings import SettingsRefused
    from cli.doctor import local, network, people
    from cli.site.settings import read

    try:
        settings = read(config)
    except SettingsRefused as error:
        yield fail("configuration", "configuration-refused", reason=error)
        return
    yield ok("configuration", "configuration", path=settings.file)
    for check in (local.files, local.services, local.disk, local.opening, network.broker_files):
        yield from _guarded(check.__name__, check(settings))
    yield from _guarded("pbx", network.pbx(settings))
    yield from _guarded("broker", _with_broker(settings, wait))
    yield from _guarded("numbers", local.numbers(settings))
    yield from _guarded("contacts", people.contacts(settings))


def _with_broker(settings: Settings, wait: int) -> Iterator[Finding]:
    from bus.mqtt.connection import Connection
    from cli.commands.broker_account import cli_account
    from cli.doctor import local, network, people
    from cli.doctor.snapshot import snapshot

    with contextlib.ExitStack() as stack:
        account = stack.enter_context(cli_account(settings))
        nodes = [
            network.broker_node(settings.broker.at(address), account)
            for address in settings.broker.addresses
        ]
        yield from nodes
        if not any(node.level == "ok" for node in nodes):
            yield from local.ports(settings, running=False)
            return
        connection = stack.enter_context(Connection(settings.broker, account, lasting=False))
        connection.wait_connected()
        yield from network.broker_round_trip(connection)
        yield from network.broker_accounts(settings)
        found = snapshot(connection)
        running = found.online(settings.gateway.account)
        yield from local.ports(settings, running=running)
        yield from network.processes(
            found, ("gateway", "sessions", "caller", "dial", "journal", "panel")
        )
        yield from network.configuration_since(settings, found)
        if running:
            way = tuple(network.callback(settings))
            yield from way
            if all(finding.level != "fail" for finding in way):
                yield from network.test_event(settings, connection)
            if wait:
                yield from network.visits(settings, wait)
        if found.online("panel"):
            yield from network.panel(settings)
        yield from people.users(settings, found)


def _guarded(name: str, findings: Iterator[Finding]) -> Iterator[Finding]:
    """Yield findings; a check that cannot be done says why, and the others go ahead."""
    from cli.site.errors import sentence

    try:
        yield from findings
    except Exception as error:
        text = sentence(error) or (str(error) if isinstance(error, OSError) else None)
        if text is None:
            raise
        yield fail(name.replace("_", " "), "refused", reason=text)


def _show(finding: Finding, language: Language) -> None:
    mark = typer.style(f"{finding.level:4}", fg=_COLOURS[finding.level])
    check = render(f"doctor.check.{finding.check.replace(' ', '-')}", language)
    typer.echo(f"{mark}  {check}: {finding.text(language)}")
    if fix := finding.fix(language):
        typer.echo(f"      → {fix}")
