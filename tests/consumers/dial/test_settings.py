import pytest
from pydantic import ValidationError

from consumers.dial.settings import DialSettings


def test_the_limits_are_strict_until_somebody_widens_them() -> None:
    limits = DialSettings()

    assert (limits.per_minute, limits.per_hour, limits.site_per_hour) == (6, 60, 120)
    assert (limits.foreign_per_day, limits.expiry, limits.audit_days) == (10, 15, 90)
    assert limits.policy.countries == ("DE", "AT", "CH")


@pytest.mark.parametrize(
    "wrong", [{"per_minute": -1}, {"expiry": 0}, {"mask": "half"}, {"per_day": 1}, {"users": ["+"]}]
)
def test_what_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        DialSettings.model_validate(wrong)
