"""`backup` and `restore`: one file with all of a site."""

from pathlib import Path
from typing import Annotated

import typer

from cli.site.context import CommandFailed, settings_of

PassphraseFile = Annotated[
    Path | None, typer.Option(help="File whose first line is the passphrase that seals the backup.")
]
UNITS = "systemctl enable --now starface2mqtt-broker starface2mqtt-broker-reload.path starface2mqtt"


def backup(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="The backup to write.")],
    passphrase_file: PassphraseFile = None,
) -> None:
    """Write configuration, secrets and all data into one private file, while calls come in."""
    from cli.site.backup import write_backup

    write_backup(settings_of(context), file.resolve(), _passphrase(passphrase_file))
    sealed = "sealed with the passphrase" if passphrase_file else "NOT sealed: keep it private"
    typer.echo(f"{file} is written, {sealed}. It holds the keys of the site.")


def restore(
    file: Annotated[Path, typer.Argument(help="The backup to read.")],
    folder: Annotated[
        Path | None, typer.Argument(help="Where the site goes; default: where it was.")
    ] = None,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Put a site back; stop its processes first. An existing site is never overwritten."""
    from cli.setup.service import is_packaged
    from cli.site.backup import restore_backup

    target = folder.resolve() if folder else None
    settings = restore_backup(file, target, _passphrase(passphrase_file))
    start = UNITS if is_packaged(settings.file.parent) else "start the broker and the processes"
    typer.echo(
        f"{settings.file} and its data are back; the event log continues under a new name. "
        f"Now: {start}, then: starface2mqtt doctor"
    )


def _passphrase(file: Path | None) -> str | None:
    if file is None:
        return None
    try:
        passphrase = file.read_text(encoding="utf-8").partition("\n")[0].strip()
    except OSError as error:
        raise CommandFailed(f"{file}: {error.strerror}") from error
    if not passphrase:
        raise CommandFailed(f"{file}: the first line is the passphrase, and it is empty")
    return passphrase
