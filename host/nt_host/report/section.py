"""Generated sections of a Markdown page: put in their place between two markers, the rest left as it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nt_model.errors import UsageError
from nt_model.image_file import write_atomically


@dataclass(frozen=True)
class Section:
    """A generated section; `name` says in its markers what it is."""

    name: str

    @property
    def begin(self) -> str:
        return f"<!-- {self.name}: begin; rendered by `make docs`, do not edit -->"

    @property
    def end(self) -> str:
        return f"<!-- {self.name}: end -->"

    def replace_in(self, page: Path, body: str) -> None:
        """Put `body` between the markers in `page`.

        Raises:
            UsageError: the page is absent, or does not have exactly one pair of markers, in order.
        """
        text = page.read_text(encoding="utf-8") if page.is_file() else ""
        before, _, rest = text.partition(self.begin)
        _, _, after = rest.partition(self.end)
        if (text.count(self.begin), text.count(self.end), rest.count(self.end)) != (1, 1, 1):
            raise UsageError(
                f"the page has no place for '{self.name}'",
                evidence=str(page),
                next_step=f"put `{self.begin}` and `{self.end}` where it belongs, each on a line of its own",
            )
        write_atomically(page, f"{before}{self.begin}\n\n{body.strip()}\n\n{self.end}{after}".encode())
