"""What the project rests on: licences known and allowed, a whole bill of materials, an environment as locked."""

import importlib.metadata
import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.utils import canonicalize_name

from tests import supply
from tests.conftest import ROOT

# --- licences ---------------------------------------------------------------------------------------------------------


def test_every_package_of_the_locks_has_a_licence_that_is_allowed():
    found = {name: supply.refused(name, supply.licence(name)) for name in supply.names()}
    assert {name: parts for name, parts in found.items() if parts} == {} and len(found) > 200


def test_the_list_of_licences_is_what_the_packages_say():
    assert supply.LISTED.read_text("utf-8") == supply.listing(), "make licences, and read what changed"


def test_no_exception_outlives_its_package():
    assert set(supply.RULES["packages"]) <= set(supply.names())


@pytest.mark.parametrize(
    ("expression", "parts"),
    [
        ("GPL-3.0-only", ["GPL-3.0-only"]),
        ("MIT AND GPL-3.0-only", ["GPL-3.0-only"]),
        ("MIT OR GPL-3.0-only", []),
        ("AGPL-3.0-only OR GPL-3.0-only", ["AGPL-3.0-only OR GPL-3.0-only"]),
        ("BSD-3-Clause AND ISC", []),
    ],
)
def test_what_is_not_allowed_is_refused(expression, parts):
    assert supply.refused("some-package", expression) == parts


def described(tmp_path, metadata, licence=""):
    """A package with these lines of metadata, as it would be installed."""
    folder = tmp_path / "made-1.dist-info"
    (folder / "licenses").mkdir(parents=True)
    (folder / "METADATA").write_text(f"Metadata-Version: 2.4\nName: made\nVersion: 1\n{metadata}\n")
    (folder / "licenses" / "LICENSE").write_text(licence)
    (folder / "RECORD").write_text("made-1.dist-info/licenses/LICENSE,,\n")
    return importlib.metadata.PathDistribution(folder)


TWO = "Redistribution and use are permitted"
CLASS = "Classifier: License :: OSI Approved :: "


@pytest.mark.parametrize(
    ("metadata", "licence", "expected"),
    [
        ("License-Expression: MIT AND ISC", "", "MIT AND ISC"),
        ("License: Apache 2.0", "", "Apache-2.0"),
        (f"License: see the file\n{CLASS}MIT License", "", "MIT"),
        (f"{CLASS}BSD License", TWO, "BSD-2-Clause"),
        (f"{CLASS}BSD License", f"{TWO}. Names may not be used to endorse.", "BSD-3-Clause"),
        (f"{CLASS}BSD License", "", ""),
        ("License: Some words of their own", "", ""),
        ("", "", ""),
    ],
)
def test_a_declared_licence_becomes_its_standard_name_or_none(tmp_path, metadata, licence, expected):
    assert supply._declared(described(tmp_path, metadata, licence)) == expected


def test_a_package_without_a_licence_is_an_error(monkeypatch, tmp_path):
    monkeypatch.setattr(supply, "installed", lambda: {"made": described(tmp_path, "")})
    with pytest.raises(ValueError, match="made does not say its licence clearly"):
        supply.licence("made")


@pytest.mark.parametrize("each", supply.vendored(), ids=lambda each: each.package)
def test_what_is_vendored_has_its_licence_beside_it_and_is_what_came_from_there(each):
    assert (each.folder / each.text).stat().st_size > 500
    assert each.licence in supply.RULES["allowed"] and each.why
    assert each.sha256 == each.digest(), (
        "its files have changed: see that they are those of this version, then write it"
    )


def test_no_vendored_file_is_without_an_origin():
    told = {path for each in supply.vendored() for path in each.paths()}
    files = {path for path in supply.VENDOR.rglob("*") if path.is_file() and path.name != "origin.yaml"}
    assert files == told


def test_the_mathematics_are_styled_by_the_version_that_sets_them():
    [katex] = [each for each in supply.vendored() if each.package == "npm/katex"]
    script = importlib.metadata.distribution("sphinxcontrib-katex").locate_file("sphinxcontrib/katex.min.js")
    assert f'version:"{katex.version}"' in script.read_text("utf-8")


# --- bill of materials ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bill():
    return supply.sbom()


def test_the_bill_of_materials_is_valid(bill):
    ends = [*bill["components"][:3], *bill["components"][-3:]]  # all are made alike, and all take half a minute
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps({**bill, "components": ends})) is None


def test_the_bill_of_materials_holds_the_lock_with_its_hashes_and_what_is_vendored_and_nothing_else(bill):
    def hashes(component):
        return {each["content"] for place in component.get("externalReferences", ()) for each in place["hashes"]}

    found = {(canonicalize_name(each["name"]), each["version"]): hashes(each) for each in bill["components"]}
    expected = {(pin.name, pin.version): {h.removeprefix("sha256:") for h in pin.hashes} for pin in supply.locked()}
    expected |= {
        (canonicalize_name(each.package.rpartition("/")[2]), each.version): set() for each in supply.vendored()
    }
    assert found == expected
    assert all(each["licenses"][0]["expression"] for each in bill["components"])


def test_the_bill_of_materials_holds_nothing_of_the_moment(bill):
    assert "serialNumber" not in bill and "timestamp" not in bill["metadata"]


# --- what is installed ------------------------------------------------------------------------------------------------


def test_every_package_that_the_lock_needs_here_is_installed_in_its_version():
    wanted = {pin.name: pin.version for pin in supply.locked() if pin.needed}
    found = {name: supply.installed()[name].version for name in wanted if name in supply.installed()}
    assert found == wanted


def test_a_departure_from_the_lock_is_told(monkeypatch):
    pins = [supply.Pin(name, frozenset(), "1", True, ()) for name in ("same", "other", "missing")]
    known = {"same": "1", "other": "2", "more": "1"}
    there = {name: SimpleNamespace(version=v, read_text=lambda file: None) for name, v in known.items()}
    monkeypatch.setattr(supply, "locked", lambda: [*pins, supply.Pin("elsewhere", frozenset(), "1", False, ())])
    monkeypatch.setattr(supply, "installed", lambda: there)
    assert supply.departures() == ["missing 1 is missing", "more is not in the lock", "other is 2, the lock says 1"]


def test_a_changed_and_a_missing_file_of_a_package_are_told(tmp_path):
    whole = "sha256=ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0"  # of the three letters abc
    for name, text in {"whole.py": "abc", "changed.py": "abd"}.items():
        (tmp_path / name).write_text(text)
    package = described(tmp_path, "")
    (package._path / "RECORD").write_text("".join(f"{name}.py,{whole},3\n" for name in ("whole", "changed", "missing")))
    assert supply.changed(package) == ["changed.py", "missing.py"]


REPORT = {
    "known": {"name": "a", "version": "1", "vulns": [{"id": "PYSEC-1"}]},
    "sound": {"name": "b", "version": "1", "vulns": []},
    "unasked": {"name": "c", "skip_reason": "not found"},
}


@pytest.mark.parametrize(
    ("said", "code", "words"),
    [
        (("sound",), 0, "no known vulnerability"),
        (("sound", "known", "unasked"), 1, "a 1: PYSEC-1"),
        (("sound", "unasked"), 3, "NOT ASKED about 2 packages"),
        ((), 3, "NOT ASKED"),
    ],
)
def test_an_audit_that_could_not_ask_does_not_pass(monkeypatch, capsys, said, code, words):
    """pip-audit itself succeeds when its source knows none of the packages."""
    text = json.dumps({"dependencies": [REPORT[each] for each in said]}) if said else ""
    done = subprocess.CompletedProcess([], 0, stdout=text, stderr="no connection")
    monkeypatch.setattr(supply.subprocess, "run", lambda *_, **__: done)
    assert supply.main("audit") == code
    assert words in capsys.readouterr().out


def test_an_audit_without_a_network_says_so():
    env = {**os.environ, "PYTHONPATH": str(ROOT / "tests" / "offline")}
    command = [sys.executable, "-m", "tests.supply", "audit"]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 3 and "NOT ASKED" in done.stdout
