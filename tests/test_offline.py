"""Nothing reaches another machine: not the tests, not what they start, not the build. An attempt fails loudly."""

import re
import socket
import subprocess
import sys

import pytest

from costlib import execute
from costlib.errors import InputError
from tests.conftest import ROOT
from tests.offline.sitecustomize import OutsideError

OUTSIDE = "192.0.2.1"  # an address for documents, which is nobody's
REACHES = f"import socket\nsocket.create_connection(('{OUTSIDE}', 80), timeout=1)"
WAYS = {
    "connection": lambda: socket.create_connection((OUTSIDE, 80), timeout=1),
    "connection by number": lambda: socket.socket().connect((OUTSIDE, 80)),
    "datagram": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", (OUTSIDE, 9)),
    "name": lambda: socket.getaddrinfo("example.com", 443),
    "name, the old way": lambda: socket.gethostbyname("example.com"),
}


@pytest.mark.parametrize("way", WAYS)
def test_no_test_reaches_another_machine(way):
    with pytest.raises(OutsideError, match="reach no other machine"):
        WAYS[way]()


def test_this_machine_can_be_reached():
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        assert client.getpeername() == server.getsockname()


def test_no_python_that_a_test_starts_reaches_another_machine():
    done = subprocess.run([sys.executable, "-c", REACHES], capture_output=True, text=True)
    assert done.returncode and "OutsideError" in done.stderr


def test_no_notebook_of_a_build_reaches_another_machine(project):
    project.without_notebooks()
    project.notebook("reaching", "n = 1  # a parameter", REACHES)
    done = project.costlib("notebooks")
    assert done.returncode == 1 and "notebooks/reaching.ipynb, cell 2: OutsideError" in done.stderr


def test_no_kernel_reaches_another_machine(project, monkeypatch):
    project.notebook("reaching", "n = 1  # a parameter", REACHES)
    monkeypatch.setattr(execute.book, "NOTEBOOKS", project.path / "notebooks")
    with pytest.raises(InputError, match="OutsideError"):
        execute.run("reaching", {}, project.path / "out.ipynb", engine=None)


# --- the build and the tests, where they are checked ------------------------------------------------------------------


def test_what_is_checked_is_built_and_tested_offline():
    commands = [line for line in (ROOT / ".ci" / "run").read_text("utf-8").splitlines() if "make " in line]
    inside = [
        line.removeprefix("tests/offline/run make ") for line in commands if line.startswith("tests/offline/run ")
    ]
    assert {"book", "sphinx", "test"} <= set(inside)
    outside = [line for line in commands if not line.startswith("tests/offline/run ")]
    assert all(re.fullmatch(r"make( \.venv\S*/ready)+", line) for line in outside), outside


def test_offline_means_without_a_network_also_for_what_is_not_python():
    isolated = subprocess.run(["unshare", "--net", "true"], capture_output=True).returncode == 0
    if not isolated:
        pytest.skip("this system lets nobody take the network away from a command")
    command = [ROOT / "tests" / "offline" / "run", sys.executable, "-S", "-c", REACHES]  # -S: without sitecustomize
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode and re.search("unreachable|timed out", done.stderr) and "OutsideError" not in done.stderr
