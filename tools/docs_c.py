"""The reference of the C interface, made from the comments of include/laminar/*.h.

A header is read as sections (rulers of dashes with a title), and a section as groups: a comment, and the declarations that follow it without
a blank line or another comment between. A group becomes a heading with the names it declares, the declarations, and the comment as text."""

from __future__ import annotations

import pathlib
import re
from dataclasses import dataclass, field

ROOT = pathlib.Path(__file__).resolve().parents[1]
HEADERS = ["laminar.h", "udf.h", "types.h"]
SKIPPED = ("ARROW_", "LAMINAR_H", "LAMINAR_TYPES_H", "LAMINAR_UDF_H", "LAMINAR_API", "LAMINAR_MUST_CHECK")


@dataclass
class Group:
    comment: str = ""
    code: list[str] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        text = "\n".join(self.code)
        found = re.findall(r"^typedef (?:struct|enum) (\w+) \{", text, re.M)
        found += re.findall(r"^typedef struct \w+ (\w+);", text, re.M)
        found += re.findall(r"^typedef [^{;]*\(\*(\w+)\)", text, re.M)
        found += [name for name in re.findall(r"^#define (\w+)", text, re.M) if not found]
        found += re.findall(r"^enum \{ (\w+)", text, re.M)
        found += re.findall(r"^struct (\w+) \{", text, re.M)
        if not found:
            # the word in front of the first parenthesis of each declaration
            found = [m[1] for each in re.split(r"(?<=;)\n", text) if (m := re.search(r"(\w+)\s*\(", each))]
        return found


@dataclass
class Section:
    title: str
    groups: list[Group] = field(default_factory=list)


def plain(comment: str) -> str:
    """A comment's text without its stars; what is indented further is code."""
    text = re.sub(r"^/\*+ ?|\s*\*/$", "", comment.strip())
    lines = [re.sub(r"^ ?\* ?", "", line.rstrip()) if i else line.rstrip() for i, line in enumerate(text.split("\n"))]
    return "\n".join(lines)


def escaped(line: str) -> str:
    """Stars and angle brackets outside of `code` mean themselves."""
    parts = line.split("`")
    parts[::2] = [part.replace("*", "\\*").replace("<", "&lt;") for part in parts[::2]]
    return "`".join(parts)


def markdown(text: str) -> str:
    """Comment text as Markdown: lines indented by two or more blanks are code, unless they are points of a list."""
    out: list[str] = []
    code: list[str] = []

    def flush() -> None:
        while code and not code[-1]:
            code.pop()
        if code:
            least = min(len(line) - len(line.lstrip()) for line in code if line)
            out.extend(["", "```c", *(line[least:] for line in code), "```", ""])
        code.clear()

    is_list = False
    for line in text.split("\n"):
        if re.match(r"\s*- ", line):
            flush()
            if not is_list:
                out.append("")
            is_list = True
            out.append(escaped(line.strip()))
        elif is_list and line.startswith("  "):
            out.append("  " + escaped(line.strip()))
        elif line.startswith("  ") or (code and not line):
            code.append(line)
        else:
            flush()
            is_list = False
            out.append(escaped(line))
    flush()
    return "\n".join(out).strip()


def ruler(comment: str) -> str | None:
    """The title of `/* --- Title --- */` in one line or three."""
    text = plain(comment)
    match = re.fullmatch(r"-{3,}\s*(.*?)\s*-{3,}", text, re.S)
    return match[1].strip() if match else None


def cleaned(code: str) -> str:
    """A declaration as a reader wants it: without what is for the compiler, in its own wrapping."""
    code = re.sub(r"\bLAMINAR_(API|MUST_CHECK)\s+", "", code)
    if "(" in code and not code.startswith(("typedef", "#", "enum", "struct", "static")):
        code = re.sub(r"\s+", " ", code).strip()
        if len(code) > 96:
            head, arguments = code.split("(", 1)
            parts = arguments.rstrip(";").rstrip(")").split(", ")
            code = head + "(\n    " + ",\n    ".join(parts) + ");"
    return code


def parse(path: pathlib.Path) -> tuple[str, list[Section]]:
    """The opening comment, and the sections."""
    text = path.read_text()
    opening = re.match(r"/\*.*?\*/", text, re.S)
    assert opening, path
    rest = text[opening.end() :]
    rest = re.sub(r'#ifdef __cplusplus\s+extern "C" \{\s+#endif', "", rest)
    rest = re.sub(r"#ifdef __cplusplus\s+\}\s+#endif", "", rest)
    rest = re.sub(r"#ifndef ARROW_C_DATA_INTERFACE.*?#endif /\* ARROW_C_DATA_INTERFACE \*/", "", rest, flags=re.S)
    rest = re.sub(r"#ifndef ARROW_C_STREAM_INTERFACE.*?#endif /\* ARROW_C_STREAM_INTERFACE \*/", "", rest, flags=re.S)
    rest = re.sub(r"#if defined\(__GNUC__\).*?#endif", "", rest, flags=re.S)
    rest = re.sub(r"#ifdef __cplusplus\n(#define LAMINAR_ERROR_INIT).*?#else\n(.*?)#endif", r"\2", rest, flags=re.S)
    sections = [Section("")]
    group: Group | None = None
    lines = rest.split("\n")
    i = 0
    while i < len(lines):
        line = lines[i]
        if line.startswith("/*"):
            end = i
            while "*/" not in lines[end]:
                end += 1
            comment = "\n".join(lines[i : end + 1])
            i = end + 1
            title = ruler(comment)
            if title is not None:
                sections.append(Section(title))
                group = None
            else:
                group = Group(plain(comment))
                sections[-1].groups.append(group)
            continue
        if not line.strip():
            # A comment stays with what follows; a blank line behind code ends the group.
            if group is not None and group.code:
                group = None
            i += 1
            continue
        if line.startswith("#") and not line.startswith("#define") or any(s in line for s in SKIPPED if line.startswith("#")):
            i += 1
            continue
        end = i
        if line.startswith("#define"):
            while lines[end].endswith("\\"):
                end += 1
        else:
            depth = 0
            while True:
                depth += lines[end].count("{") - lines[end].count("}")
                if depth == 0 and re.search(r";\s*(/\*.*\*/)?$", lines[end]):
                    break
                end += 1
        if group is None:
            group = Group()
            sections[-1].groups.append(group)
        group.code.append(cleaned("\n".join(lines[i : end + 1])))
        i = end + 1
    return plain(opening[0]), [s for s in sections if s.groups or s.title]


def page() -> str:
    """The whole reference as one page of Markdown."""
    out = [
        "# C reference",
        "",
        "Made from the comments of `include/laminar/`. [Embedding in C](../guide/embedding.md) is the guide to it.",
    ]
    for header in HEADERS:
        opening, sections = parse(ROOT / "include/laminar" / header)
        title, _, text = opening.partition(" - ")
        out += ["", f"## {title}", "", markdown(text)]
        for section in sections:
            if section.title:
                head, *more = [line.strip() for line in section.title.split("\n") if line.strip()]
                out += ["", f"## {header}: {head[0].lower() + head[1:]}", *more]
            for group in section.groups:
                if not group.code:
                    out += ["", markdown(group.comment)]
                    continue
                names = group.names
                shown = ", ".join(f"`{name}`" for name in names[:4]) + (" …" if len(names) > 4 else "")
                out += ["", f"### {shown} {{#{names[0]}}}", "", "```c", "\n".join(group.code), "```", ""]
                out.append(markdown(group.comment))
    return "\n".join(out) + "\n"


if __name__ == "__main__":
    print(page())
