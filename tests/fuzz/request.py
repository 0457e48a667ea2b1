"""One request as bytes, so that it may be as wrong as any caller's."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is sent, and which operation it was made from."""

    #: Path of the operation in `openapi.json`, such as /runs/{run_id}.
    operation: str
    #: Of the operation.
    meant: str
    method: str
    #: Quoted, with its query; after the host.
    target: str
    headers: tuple[tuple[str, bytes], ...]
    body: bytes
    #: Whether it still goes to its operation: its path was not touched.
    on_route: bool = True

    @property
    def label(self) -> str:
        """What it counts as."""
        if self.method != self.meant:
            return "other methods"
        return f"{self.meant} {self.operation}" if self.on_route else "other paths"

    def with_header(self, name: str, value: bytes | str) -> tuple[tuple[str, bytes], ...]:
        """The headers with this one in the place of those of its name."""
        kept = tuple(header for header in self.headers if header[0].lower() != name.lower())
        return (*kept, (name, value if isinstance(value, bytes) else value.encode("latin-1")))

    def without_header(self, name: str) -> tuple[tuple[str, bytes], ...]:
        return tuple(header for header in self.headers if header[0].lower() != name.lower())
