"""How setup asks: a person at the terminal, or a file of answers."""

import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import typer

from cli.site.context import CommandFailed


class Dialog:
    """Questions by their keys; with a file of answers nobody is asked."""

    def __init__(self, answers: Path | None = None) -> None:
        self._file = answers
        self._answers: dict[str, Any] = {}
        if answers is not None:
            try:
                self._answers = tomllib.loads(answers.read_text(encoding="utf-8"))
            except OSError as error:
                raise CommandFailed(f"{answers}: {error.strerror}") from error
            except ValueError as error:
                raise CommandFailed(f"{answers}: {error}") from error

    @property
    def by_person(self) -> bool:
        """Whether somebody sits there who can do or correct something."""
        return self._file is None

    def ask(
        self,
        key: str,
        question: str,
        default: str | None = None,
        *,
        hidden: bool = False,
        check: Callable[[str], str] = str,
    ) -> str:
        """Return an answer that `check` took; it raises ValueError with what is wrong."""
        if self._file is not None:
            given = self._answers.get(key, default)
            if given is None:
                raise CommandFailed(f"{self._file}: {key} is missing ({question})")
            try:
                return check(str(given))
            except ValueError as error:
                raise CommandFailed(f"{self._file}: {key}: {error}") from error
        while True:
            answer = typer.prompt(question, default=default, hide_input=hidden, type=str)
            try:
                return check(answer.strip())
            except ValueError as error:
                typer.echo(f"  {error}")

    def choose(self, key: str, question: str, choices: Sequence[str], default: str) -> str:
        """Return one of some words."""

        def known(answer: str) -> str:
            if answer not in choices:
                raise ValueError(f"one of {', '.join(choices)}")
            return answer

        return self.ask(key, f"{question} ({' / '.join(choices)})", default, check=known)

    def confirm(self, key: str, question: str, *, default: bool) -> bool:
        """Return whether something shall be."""
        if self._file is not None:
            return bool(self._answers.get(key, default))
        return typer.confirm(question, default=default)

    def say(self, text: str) -> None:
        """Show what was done or found."""
        typer.echo(text)

    def title(self, text: str) -> None:
        """Show what comes next."""
        typer.secho(f"\n{text}", bold=True)
