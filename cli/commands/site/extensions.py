"""Whether the site's numbering plan knows the users' extensions, and what to set if it does not."""

from collections.abc import Iterable

from bus.numbers.number import NumberProfile, read_number, short_code


def advice(extensions: Iterable[str], profile: NumberProfile) -> str:
    """Return what to set so that calls from all extensions are internal ones; empty if they are."""
    unknown = [each for each in dict.fromkeys(extensions) if _is_unknown(each, profile)]
    emergency = [each for each in unknown if short_code(each, profile) == "emergency"]
    lines = [
        f"{each} is an emergency number; calls from it are never internal ones."
        for each in emergency
    ]
    others = [each for each in unknown if each not in emergency]
    if others:
        trunk = ("0", profile.outside_line or "0")
        by_length = [each for each in others if not each.startswith(trunk) and len(each) <= 6]
        by_length = [each for each in by_length if len(each) > profile.internal_digits]
        listed = [each for each in others if each not in by_length]
        wanted = [f"internal_digits = {max(map(len, by_length))}"] if by_length else []
        if listed:
            every = ", ".join(f'"{each}"' for each in (*profile.extensions, *listed))
            wanted.append(f"extensions = [{every}]")
        lines.append(
            f"By [site] {', '.join(others)} {'is' if len(others) == 1 else 'are'} no extension, so"
            f" calls from there are not known as internal ones. Set {' and '.join(wanted)} in"
            f" [site], and start the processes again."
        )
    return "\n".join(lines)


def _is_unknown(extension: str, profile: NumberProfile) -> bool:
    plain = extension.isascii() and extension.isdigit()
    return plain and read_number(extension, profile).kind != "internal"
