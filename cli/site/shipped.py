"""Files that come with the program: beside the sources, or where an installation puts them."""

import sys
from pathlib import Path

_PLACES = (Path(__file__).parent.parent.parent, Path(sys.prefix) / "share" / "starface2mqtt")


def shipped(name: str) -> Path:
    """Return the path of a shipped file, such as mosquitto.conf."""
    for place in _PLACES:
        if (place / name).is_file():
            return place / name
    raise FileNotFoundError(f"{name} is missing from this installation")
