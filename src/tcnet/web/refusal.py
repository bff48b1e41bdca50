"""Requests that the server refuses."""


class Refusal(Exception):  # noqa: N818 - it is an answer
    """A response with an HTTP status of 400 to 499, and one readable line."""

    def __init__(self, status: int, text: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.headers = headers


def no_job(job_id: str) -> Refusal:
    return Refusal(404, f"no job {job_id[:40]!r}; it may have been deleted")
