"""Whether the site's numbering plan knows a user's extension, and what to set if it does not."""

from bus.numbers.number import NumberProfile, read_number, short_code


def advice(extension: str, profile: NumberProfile) -> str:
    """Say what to set so that calls from an extension are internal ones; empty where they are."""
    if not extension.isascii() or not extension.isdigit():
        return ""
    number = read_number(extension, profile)
    if number.kind == "internal":
        return ""
    listed = f'extensions = ["{extension}"]'
    if short_code(extension, profile) == "emergency":
        return f"{extension} is an emergency number; calls from it are never internal ones."
    plain = not extension.startswith(("0", profile.outside_line or "0"))
    by_length = plain and profile.internal_digits < len(extension) <= 6
    wanted = f"internal_digits = {len(extension)}" if by_length else listed
    return (
        f"By [site] {extension} is no extension, so calls from it are not known as internal ones."
        f" Set {wanted}, and start the processes again."
    )
