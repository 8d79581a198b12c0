"""`starface2mqtt number`: how a telephone number is understood."""

from typing import Annotated

import typer


def number(
    context: typer.Context,
    text: Annotated[str, typer.Argument(help="The number as it is written.")],
    country: Annotated[
        str | None, typer.Option(help="The contact's country, such as CH, DE or AT.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
    lang: Annotated[str | None, typer.Option(help="de, en, fr or it; default: the site's.")] = None,
) -> None:
    """Explain step by step how a number is understood, and whether it would be dialled."""
    from cli.commands.developers.number_report import report

    config = (context.find_root().obj or {}).get("config")
    typer.echo(report(config, text, country, lang, as_json=as_json))
