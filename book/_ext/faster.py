"""Set the same pages in less time: look things up once, use all cores, and count no garbage.

Nothing here changes a page; a test builds with and without it and compares every file.
"""

from __future__ import annotations

import atexit
import functools
import gc
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pybtex.plugin
import sphinx.builders
from sphinx.application import Sphinx
from sphinx.util.parallel import ParallelTasks

SILENT = {"sphinx_multitoc_numbering", "sphinx_jupyterbook_latex"}
SETS = ("_mapping", "_title_mapping")  # of the search index: words, and in which pages they are
ENTRIES = ("_titles", "_filenames", "_all_titles", "_index_entries")  # pages, and what it keeps of them
CHUNKS = 4  # for each core, so that none waits long for the others


def remember_plugins() -> None:
    """Let pybtex find a plugin once.

    It searches the metadata of every installed package for each citation, which was half of the time of all pages.
    """
    pybtex.plugin._load_entry_point = functools.cache(pybtex.plugin._load_entry_point)


def count_no_garbage() -> None:
    """Keep all objects until the process ends.

    A book is a few million of them that live to the end. To look for dead ones among them again and again took two
    fifths of the time. At the end nothing is looked through either.
    """
    gc.disable()
    atexit.register(gc.freeze)


def use_all_cores(app: Sphinx) -> None:
    """Read and write pages side by side, which jupyter-book has no option for.

    Two extensions do not say whether they are safe for that. They are: one numbers sections once all pages are read,
    the other changes pages one by one, and only for LaTeX.
    """
    for name in SILENT & set(app.extensions):
        app.extensions[name].parallel_read_safe = True
    app.parallel = os.cpu_count() or 1
    sphinx.builders.make_chunks = lambda docnames, nproc: alike(docnames, nproc, lambda each: size(app, each))
    if app.builder.name == "html":
        app.builder._write_parallel = functools.partial(write_side_by_side, app)


def size(app: Sphinx, docname: str) -> int:
    """How long a page takes, about: its size as read, or else that of its source."""
    read, source = Path(app.doctreedir, f"{docname}.doctree"), Path(app.env.doc2path(docname))
    return (read if read.exists() else source).stat().st_size


def alike(docnames: Sequence[str], count: int, size: Callable[[str], int]) -> list[list[str]]:
    """At most `count` parts of `docnames` that take about as long, each with its largest first."""
    parts: list[list[str]] = [[] for _ in range(min(count, len(docnames)))]
    sizes = [0] * len(parts)
    for docname in sorted(docnames, key=size, reverse=True):
        least = sizes.index(min(sizes))
        parts[least].append(docname)
        sizes[least] += size(docname)
    return parts


def write_side_by_side(app: Sphinx, docnames: Sequence[str], nproc: int) -> None:
    """Resolve and write pages in processes of their own.

    Sphinx resolves references in one process and has others only write, which keeps that one busy and those waiting,
    because resolving also collects images and words. Here each process sends back what it has collected.
    """
    index, images = app.builder.indexer, app.builder.images

    def work(docs: list[str]) -> tuple[dict[str, str], dict[str, Any]]:
        for name in (*SETS, *ENTRIES):
            setattr(index, name, {})
        app.builder._write_serial(docs)
        return images, {name: getattr(index, name) for name in (*SETS, *ENTRIES)}

    def collect(docs: list[str], collected: tuple[dict[str, str], dict[str, Any]]) -> None:
        images.update(collected[0])
        for name in ENTRIES:
            getattr(index, name).update(collected[1][name])
        for name in SETS:
            for word, pages in collected[1][name].items():
                getattr(index, name).setdefault(word, set()).update(pages)

    first, *rest = docnames
    app.builder._write_serial([first])  # here, which compiles the templates and loads the fonts for all
    cores = os.cpu_count() or 1
    tasks = ParallelTasks(cores)
    for chunk in alike(rest, CHUNKS * cores, lambda each: size(app, each)):
        tasks.add_task(work, chunk, collect)
    tasks.join()


def setup(app: Sphinx) -> dict[str, Any]:
    """Register all of them."""
    remember_plugins()
    count_no_garbage()
    app.connect("builder-inited", use_all_cores)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
