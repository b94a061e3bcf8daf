"""Set the same pages in less time: look things up once, and use all cores.

Nothing here changes a page; a test builds with and without it and compares every file.
"""

from __future__ import annotations

import functools
import os
from typing import Any

import pybtex.plugin
from sphinx.application import Sphinx

SILENT = {"sphinx_multitoc_numbering", "sphinx_jupyterbook_latex"}


def remember_plugins() -> None:
    """Let pybtex find a plugin once.

    It searches the metadata of every installed package for each citation, which was half of the time of all pages.
    """
    pybtex.plugin._load_entry_point = functools.cache(pybtex.plugin._load_entry_point)


def use_all_cores(app: Sphinx) -> None:
    """Read and write pages side by side, which jupyter-book has no option for.

    Two extensions do not say whether they are safe for that. They are: one numbers sections once all pages are read,
    the other changes pages one by one, and only for LaTeX.
    """
    for name in SILENT & set(app.extensions):
        app.extensions[name].parallel_read_safe = True
    app.parallel = os.cpu_count() or 1


def setup(app: Sphinx) -> dict[str, Any]:
    """Register both."""
    remember_plugins()
    app.connect("builder-inited", use_all_cores)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
