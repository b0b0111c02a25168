"""Hooks of mkdocs: the pages of the reference, made from docstrings, stubs and the public headers."""

import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent


def on_files(files, config):
    """Adds the pages that are not in docs/."""
    from mkdocs.structure.files import File

    sys.path.insert(0, str(HERE))
    import docs_c
    import docs_python

    for path, text in (("reference/c.md", docs_c.page()), ("reference/python.md", docs_python.page())):
        files.append(File.generated(config, path, content=text))
    return files
