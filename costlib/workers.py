"""Work in processes forked from this one with all that it has imported, as many at once as there are cores."""

from __future__ import annotations

import contextlib
import gc
import importlib
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from multiprocessing.connection import Connection
from typing import TypeVar

from costlib import tracking

Item, Result = TypeVar("Item"), TypeVar("Result")


def results(
    work: Callable[[Item], Result], items: Sequence[Item], modules: Iterable[str] = ()
) -> Iterator[tuple[Item, Result | None]]:
    """What `work` returns for each of `items`, as they are done; None where a process was ended from outside.

    `modules` (``costlib/data.py`` and so on) are what the items import, which is then imported once. Who stops asking,
    or is interrupted, ends the processes that are at work. They end too when this one is killed.
    """
    if items:
        _import(modules)
        gc.freeze()  # none of it is garbage, and no child need look through it
    fork, waiting, running = multiprocessing.get_context("fork"), list(items), {}
    try:
        while waiting or running:
            while waiting and len(running) < (os.cpu_count() or 1):
                item = waiting.pop(0)
                ours, theirs = fork.Pipe(duplex=False)
                process = fork.Process(target=_child, args=(work, item, theirs, os.getpid()))
                with _ctrl_c_waits():
                    process.start()
                    running[ours] = (item, process)
                theirs.close()
            for ended in multiprocessing.connection.wait(list(running)):
                item, process = running.pop(ended)
                try:
                    result = ended.recv()
                except EOFError:
                    result = None
                process.join()
                yield item, result
    finally:
        for _, process in running.values():
            process.kill()
        for _, process in running.values():
            process.join()


def _import(modules: Iterable[str]) -> None:
    """Import what runs notebooks and `modules`, so that no child must."""
    importlib.import_module("papermill")
    for module in ("costlib/engine.py", *sorted(modules)):
        importlib.import_module(module.removesuffix(".py").removesuffix("/__init__").replace("/", "."))


@contextlib.contextmanager
def _ctrl_c_waits() -> Iterator[None]:
    """Let Ctrl-C wait. In what Python runs around a fork an exception is only printed, and Ctrl-C would be lost."""
    if threading.current_thread() is not threading.main_thread():  # Ctrl-C is not for it
        yield
        return
    came: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if came:
        signal.raise_signal(signal.SIGINT)


def _child(work: Callable[[Item], Result], item: Item, report: Connection, parent: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the parent decides
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    gc.enable()
    tracking.begin()
    report.send(work(item))


def _end_with(parent: int) -> None:
    """End this process once the one that forked it is gone."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)
