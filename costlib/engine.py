"""A papermill engine that runs cells in this process: no kernel to start, nothing to import again.

Use it in a process of its own for each notebook (`execute` forks one), so that notebooks cannot see each other. It
leaves the same notebook as a Jupyter kernel does; a test compares the two.
"""

from __future__ import annotations

import contextlib
import os
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import nbformat
from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from papermill.engines import Engine, papermill_engines
from traitlets import Any as AnyTrait
from traitlets import Type

NAME = "in_process"
_output = nbformat.v4.new_output


class _Publisher(DisplayPublisher):
    """Hands what `display` shows to `keep`."""

    keep = AnyTrait()

    def publish(self, data: dict, metadata: dict | None = None, **_: Any) -> None:
        self.keep(_output("display_data", data=dict(data), metadata=metadata or {}))


class _Hook(DisplayHook):
    """Hands the value of a cell's last line to `keep`."""

    keep = AnyTrait()

    def write_output_prompt(self) -> None:
        pass

    def write_format_data(self, format_dict: dict, md_dict: dict | None = None) -> None:
        self.keep(_output("execute_result", data=dict(format_dict), metadata=md_dict or {}))


class _ZMQLikeShell(InteractiveShell):
    """IPython without a terminal. pandas looks for "zmq" in the class name to know that it is in a notebook."""

    display_pub_class = Type(_Publisher)
    displayhook_class = Type(_Hook)

    def init_io(self) -> None:
        pass

    def enable_gui(self, gui: str | None = None) -> None:
        pass

    def showtraceback(self, *_: Any, **__: Any) -> None:
        pass


class _Stream:
    """A text stream whose pieces become outputs, and are written to `echo` as they come, if there is one."""

    encoding, errors = "utf-8", "strict"

    def __init__(self, name: str, keep: Callable, echo: Any = None) -> None:
        self.name, self.keep, self.echo = name, keep, echo

    def write(self, text: str) -> int:
        if text:
            self.keep(_output("stream", name=self.name, text=text))
            if self.echo:
                self.echo.write(text)
                self.echo.flush()
        return len(text)

    def flush(self) -> None:
        pass

    def isatty(self) -> bool:
        return False


@contextlib.contextmanager
def _shell() -> Iterator[_ZMQLikeShell]:
    os.environ.pop("VIRTUAL_ENV", None)  # else IPython warns
    InteractiveShell.clear_instance()
    shell = _ZMQLikeShell.instance()
    shell.history_manager.enabled = False
    try:
        yield shell
    finally:
        shell.history_manager.end_session()
        _ZMQLikeShell.clear_instance()


@contextlib.contextmanager
def _saved_once(nb_man: Any) -> Iterator[None]:
    """Save the notebook when it ends, and not before and after each cell, which takes long where there are figures."""
    place, nb_man.output_path = nb_man.output_path, None
    try:
        yield
    finally:
        nb_man.output_path = place


class InProcess(Engine):
    """Runs the cells of a notebook one after the other, up to the first that fails."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, stderr_file: Any = None, **_: Any) -> None:
        """Run the notebook that papermill manages, without a kernel. What goes to stderr goes to `stderr_file` too."""
        nb_man.nb.metadata.language_info = {"name": "python"}
        with _shell() as shell, _saved_once(nb_man):
            for index, cell in enumerate(nb_man.nb.cells):
                nb_man.cell_start(cell, index)
                if cell.cell_type == "code" and cell.source.strip() and not _runs(shell, cell, stderr_file):
                    nb_man.cell_exception(cell, index)
                    break
                nb_man.cell_complete(cell, index)


def _runs(shell: _ZMQLikeShell, cell: Any, echo: Any = None) -> bool:
    """Run one cell and keep its outputs in it. Returns whether it ran to its end."""
    outputs: list[Any] = []

    def keep(output: Any) -> None:
        last = outputs[-1] if outputs else None
        if output.output_type == "stream" and last and last.output_type == "stream" and last.name == output.name:
            last.text += output.text
        else:
            outputs.append(output)

    shell.display_pub.keep = shell.displayhook.keep = keep
    count = shell.execution_count
    out, err = _Stream("stdout", keep), _Stream("stderr", keep, echo)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        result = shell.run_cell(cell.source, store_history=True)
    cell.outputs, cell.execution_count = outputs, count
    for output in outputs:
        if output.output_type == "execute_result":
            output.execution_count = count
    error = result.error_before_exec or result.error_in_exec
    if error is not None:
        lines = traceback.format_exception(error)
        outputs.append(_output("error", ename=type(error).__name__, evalue=str(error), traceback=lines))
    return error is None


papermill_engines.register(NAME, InProcess)
