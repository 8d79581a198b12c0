import subprocess
import sys

from tests.conftest import ROOT

_WITHOUT_DESCRIPTORS = """
import contextlib
import resource
from pathlib import Path
from bus.numbers.number import NumberProfile, read_number

profile = NumberProfile(country="CH", area_code="44")
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (16, hard))
spare = []
with contextlib.suppress(OSError):
    while True:
        spare.append(Path("/dev/null").open())
with contextlib.suppress(OSError):
    read_number("+3581234567890", profile)
    raise SystemExit("the table of Finland was read without a descriptor")
for file in spare:
    file.close()
print(read_number("+358401234567", profile).e164)
"""


def test_a_table_that_could_not_be_read_for_want_of_descriptors_is_read_later() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _WITHOUT_DESCRIPTORS],
        cwd=ROOT, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip

    assert done.stdout == "+358401234567\n", done.stderr
