"""What is refused, with the status and the one line that names the fault."""

NOTHING_HERE = "there is nothing here"  # for a wrong path and a wrong proof alike


class RequestRefused(Exception):
    """A request that is not accepted; the line names the fault and repeats nothing of it."""

    def __init__(self, status: int, line: str, *, retry_after: int | None = None) -> None:
        super().__init__(line)
        self.status = status
        self.line = line
        self.retry_after = retry_after
