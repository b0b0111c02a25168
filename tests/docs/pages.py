"""The pages of the documentation as blocks of code, and what a block that is not run must say.

A block is run by its language: `python` in this process, `sql` through the shell, `c` compiled, `console` by bash. Blocks of one page go on from
each other, as a reader's session does. What a block prints is shown as

  * `print(...)  # text` in Python and `printf(...); /* text */` in C, a line each;
  * a block `output` behind it;
  * in `console` the lines behind the command.

HTML comments in front of a block, which no reader sees, say more:

    <!-- not run: reason -->     the block can't be run here
    <!-- new session -->         the block begins anew, with an empty database and folder
    <!-- fails -->               the SQL is refused; the message is in the block `output` behind it

`text` is for what is not code: grammar, layouts, formulas."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATHS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
RUN = ("python", "sql", "c", "console")
OTHER = ("text", "output")
FENCE = re.compile(r"^( *)```(.*)$")
COMMENT = re.compile(r"^ *<!--\s*(.*?)\s*-->\s*$")


@dataclass
class Block:
    page: str
    line: int  # of its first line of code
    language: str
    code: str
    notes: list[str] = field(default_factory=list)
    output: str | None = None  # what the block `output` behind it shows

    @property
    def not_run(self) -> str | None:
        return next((note.removeprefix("not run:").strip() for note in self.notes if note.startswith("not run")), None)

    @property
    def is_new_session(self) -> bool:
        return "new session" in self.notes

    @property
    def fails(self) -> bool:
        return "fails" in self.notes

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks_of(path: Path) -> list[Block]:
    """The blocks of a page in order, outputs joined to the block that makes them."""
    page = str(path.relative_to(ROOT))
    blocks: list[Block] = []
    notes: list[str] = []
    lines = path.read_text().splitlines()
    i = 0
    is_behind_block = False
    while i < len(lines):
        fence = FENCE.match(lines[i])
        if not fence:
            comment = COMMENT.match(lines[i])
            if comment:
                notes.append(comment[1])
            elif lines[i].strip():
                notes = []
                is_behind_block = False
            i += 1
            continue
        indent, language = fence[1], fence[2].strip()
        end = next((j for j in range(i + 1, len(lines)) if lines[j].strip() == "```"), None)
        assert end is not None, f"{page}:{i + 1}: the block does not end"
        code = "".join(line.removeprefix(indent) + "\n" for line in lines[i + 1 : end])
        if language == "output":
            assert is_behind_block and blocks[-1].output is None, f"{page}:{i + 1}: an output without a block before it"
            blocks[-1].output = code
        else:
            blocks.append(Block(page, i + 2, language, code, notes))
        is_behind_block = language in RUN
        notes = []
        i = end + 1
    return blocks


PAGES = {str(path.relative_to(ROOT)): blocks_of(path) for path in PATHS}


def pages_with(language: str) -> list[str]:
    """The pages that have something of a language to run."""
    return [page for page, blocks in PAGES.items() if any(b.language == language and b.not_run is None for b in blocks)]


def to_run(page: str, language: str) -> list[Block]:
    """The blocks of a page and language that are run."""
    return [block for block in PAGES[page] if block.language == language and block.not_run is None]
