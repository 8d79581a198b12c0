"""`starface2mqtt init`: the files of a new site."""

from pathlib import Path
from typing import Annotated, Any

import typer


def init(
    folder: Annotated[Path, typer.Argument(help="Where the site's files go.")] = Path(),
    pbx: Annotated[str, typer.Option(help="Name or address of the STARFACE.")] = "",
    country: Annotated[str, typer.Option(help="The office's country, as in CH.")] = "CH",
    area_code: Annotated[str, typer.Option(help="Area code without the leading zero.")] = "",
    external_address: Annotated[
        str, typer.Option(help="The office's address as a cloud PBX sees it.")
    ] = "",
    professional_secrecy: Annotated[
        bool,
        typer.Option("--professional-secrecy", help="For lawyers, doctors, notaries and the like."),
    ] = False,
) -> None:
    """Write configuration, secrets and the broker's files for a new site."""
    from cli.site.files import make_site

    site: dict[str, Any] = {"country": country}
    if area_code:
        site["area_code"] = area_code
    if professional_secrecy:
        site["professional_secrecy"] = True
    starface: dict[str, Any] = {"host": pbx} if pbx else {}
    if external_address:
        starface |= {"location": "cloud", "external_address": external_address}
        if professional_secrecy:
            starface |= {"callback_scheme": "https", "callback_port": 8081}
    settings = make_site(folder.resolve(), {"site": site, "starface": starface})
    typer.echo(_next_steps(settings.folder, cloud=bool(external_address)))


def _next_steps(folder: Path, *, cloud: bool) -> str:
    from cli.site.broker_configuration import FILE as BROKER_FILE
    from cli.site.settings import FILE

    forward = (
        "3. On the firewall, forward ports 8080 and 8081 (TCP) from the PBX to this machine."
        if cloud
        else "3. Let the PBX reach ports 8080 and 8081 (TCP) of this machine."
    )
    return f"""\
{folder / FILE}    the configuration, commented
{folder / "secrets"}    keys and broker passwords; keep them private and backed up
{folder / "mosquitto"}    the broker's configuration, passwords and access rights

Next:
1. starface2mqtt user add LOGIN   (asks for the STARFACE password)
2. A broker of its own, beside one that may run already:
   mosquitto -c {folder / "mosquitto" / BROKER_FILE}
{forward}
   Then open http://<address of this machine>:8080/ from the PBX's network: a page must appear.
4. starface2mqtt up"""
