"""A value as one line that disturbs neither a terminal nor a reader."""

LONGEST = 128  # characters


def shown(value: object, most: int = LONGEST) -> str:
    """Return a value cut to what fits a line, without signs that are not printed."""
    signs = "".join(one if one.isprintable() else " " for one in str(value)).strip()
    return signs if len(signs) <= most else signs[: most - 1] + "…"
