"""What the address of the page says is on show."""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import parse_qs, urlencode

from .ask import Ask, read

GALLERY, ASK, SAMPLE, REVIEW = "gallery", "ask", "sample", "review"
"""Parameters of the address."""

MOST_REQUESTS = 128


@dataclass(frozen=True)
class Place:
    """A gallery, or a sample or a review in front of it.

    Attributes:
        requests: Ids of the requests whose samples are in the gallery; none for an empty one.
        ask: What was asked for, by which the samples can be made again.
        sample: Handle of the sample that is open.
        review: The model whose draws are judged.
    """

    requests: tuple[str, ...] = ()
    ask: Ask | None = None
    sample: str | None = None
    review: str | None = None

    @classmethod
    def of(cls, query: str) -> Place:
        """Return what the query of an address says, with or without its question mark."""
        said = {name: values[-1] for name, values in parse_qs(query.lstrip("?")).items()}
        requests = tuple(filter(None, said.get(GALLERY, "").split(",")))[:MOST_REQUESTS]
        return cls(requests, read(said.get(ASK, "")), said.get(SAMPLE), said.get(REVIEW))

    def query(self) -> str:
        """Return the query of its address, with its question mark; empty for the beginning."""
        said = {
            GALLERY: ",".join(self.requests),
            ASK: self.ask.text() if self.ask is not None else "",
            SAMPLE: self.sample or "",
            REVIEW: self.review or "",
        }
        found = urlencode({name: value for name, value in said.items() if value}, safe=",:{}")
        return f"?{found}" if found else ""

    def opened(self, sample: str | None) -> Place:
        """Return the same gallery, with this sample in front of it or none."""
        return replace(self, sample=sample, review=None)

    def reviewed(self, model: str | None) -> Place:
        """Return the same gallery, with the review of this model in front of it or none."""
        return replace(self, sample=None, review=model)
