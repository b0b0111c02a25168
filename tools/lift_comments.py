"""Moves the comment at the end of an over-long line above that line, so that clang-format need not break code to make room
for it. Used by scripts/format: lift_comments.py FILE ..."""
import pathlib
import re
import sys

COLUMNS_MAX = 100
# code, then one whole comment to the end of the line
TRAILING = re.compile(r"^(\s*)(\S.*?)\s+(/\*(?:(?!\*/).)*\*/)$")


def lift(text):
    lines = []
    for line in text.split("\n"):
        match = TRAILING.match(line) if len(line) > COLUMNS_MAX else None
        if match and not match[2].startswith(("/*", "*", "}", "//", "#")):
            lines += [match[1] + match[3], match[1] + match[2]]
        else:
            lines.append(line)
    return "\n".join(lines)


for name in sys.argv[1:]:
    path = pathlib.Path(name)
    text = path.read_text()
    lifted = lift(text)
    if lifted != text:
        path.write_text(lifted)
