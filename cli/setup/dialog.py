"""How setup asks: a person at the terminal, or a file of answers; sentences are in `texts/`."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import typer

from cli.site.context import CommandFailed
from cli.site.languages import confirmed
from runtime.configuration import SettingsRefused, read_toml
from texts import Language, render


class WrongAnswer(ValueError):
    """An answer cannot be taken; `code` is a key below `setup.wrong`."""

    def __init__(self, code: str, **values: object) -> None:
        super().__init__(code)
        self.code = code
        self.values = values


class Dialog:
    """Questions by their keys; with a file of answers nobody is asked."""

    def __init__(self, language: Language, answers: Path | None = None) -> None:
        self.language = language
        self._file = answers
        self._answers: dict[str, Any] = {}
        if answers is not None:
            try:
                self._answers = read_toml(answers)
            except OSError as error:
                raise CommandFailed(f"{answers}: {error.strerror}") from error
            except SettingsRefused as error:
                raise CommandFailed(f"{error}") from error

    @property
    def by_person(self) -> bool:
        """Whether somebody sits there who can do or correct something."""
        return self._file is None

    def ask(
        self,
        key: str,
        default: str | None = None,
        *,
        choices: Sequence[str] = (),
        hidden: bool = False,
        check: Callable[[str], str] = str,
        **values: object,
    ) -> str:
        """Return an answer that is among the choices and that `check` takes."""
        question = render(f"setup.ask.{key}", self.language, **values)
        if choices:
            question = f"{question} ({' / '.join(choices)})"
        while True:
            if self._file is None:
                given = typer.prompt(question, default=default, hide_input=hidden, type=str)
            else:
                given = self._answers.get(key, default)
                if given is None:
                    missing = self.text("setup.wrong.missing", name=key, question=question)
                    raise CommandFailed(f"{self._file}: {missing}")
            try:
                answer = str(given).strip()
                if choices and answer not in choices:
                    raise WrongAnswer("choice", choices=", ".join(choices))
                return check(answer)
            except WrongAnswer as refused:
                said = render(f"setup.wrong.{refused.code}", self.language, **refused.values)
                if self._file is not None:
                    raise CommandFailed(f"{self._file}: {key}: {said}") from refused
                typer.echo(f"  {said}")

    def confirm(self, key: str, *, default: bool, **values: object) -> bool:
        """Return whether something shall be."""
        if self._file is not None:
            return bool(self._answers.get(key, default))
        question = render(f"setup.ask.{key}", self.language, **values)
        return confirmed(question, self.language, default=default)

    def text(self, key: str, **values: object) -> str:
        """Return a sentence in the language that was chosen."""
        return render(key, self.language, **values)

    def say(self, code: str, **values: object) -> None:
        """Show what was done or found."""
        self.show(render(f"setup.said.{code}", self.language, **values))

    def show(self, text: str) -> None:
        """Show lines that are sentences already."""
        typer.echo("\n".join(f"  {line}" for line in text.splitlines()))

    def title(self, code: str) -> None:
        """Show what comes next."""
        typer.secho(f"\n{render(f'setup.title.{code}', self.language)}", bold=True)

    def failed(self, code: str, **values: object) -> CommandFailed:
        """Return the failure that ends setup, with what to do about it."""
        return CommandFailed(render(f"setup.failed.{code}", self.language, **values))
