"""How the commands about the stand-in end: asked to stop, or with one line that helps."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from runtime.process import stop_on_signals


def stop_requested() -> threading.Event:
    """Return what SIGTERM and Ctrl+C set from now on; ask before saying that all is up."""
    stopped = threading.Event()
    stop_on_signals(stopped.set)
    return stopped


@contextmanager
def plainly() -> Iterator[None]:
    """Say what went wrong in one line."""
    import httpx
    from pydantic import ValidationError

    from cli.demo.ports import PortTaken
    from starface.simulator.control.client import ActRefused, ControlDoorClosed
    from starface.simulator.model.people_file import PeopleUnreadable
    from starface.simulator.recordings.recordings import RecordingUnreadable

    plain = (ActRefused, ControlDoorClosed, PeopleUnreadable, RecordingUnreadable, PortTaken)
    try:
        yield
    except plain as error:
        _fail(str(error))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        _fail(f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}")
    except httpx.HTTPError as error:
        _fail(f"nobody answers at that address ({type(error).__name__}); is the gateway running?")
    except OSError as error:
        _fail(str(error))


def _fail(sentence: str) -> None:
    typer.echo(f"starface2mqtt: {sentence}", err=True)
    raise typer.Exit(1)
