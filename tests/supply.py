"""What the project rests on: `python -m tests.supply WHAT`, or make WHAT: licences, sbom, verify or audit.

Packages are those of the two locks, and what is vendored under book/_static/vendor with an `origin.yaml` of its own.
"""

import base64
import csv
import functools
import hashlib
import importlib.metadata
import json
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import Distribution
from pathlib import Path

import yaml
from license_expression import get_spdx_licensing
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
LOCK, SPHINX_LOCK = "requirements.lock", "requirements-sphinx.lock"
LISTED = ROOT / "LICENCES.md"
VENDOR = ROOT / "book" / "_static" / "vendor"
OURS = "costlib"
SPDX = get_spdx_licensing()
RULES = yaml.safe_load((ROOT / "tests" / "licences.yaml").read_text("utf-8"))


@dataclass(frozen=True)
class Pin:
    """A package of a lock: its extras and version, whether this environment needs it, and the hashes of its files."""

    name: str
    extras: frozenset[str]
    version: str
    needed: bool
    hashes: tuple[str, ...]


def locked(lock: str = LOCK) -> list[Pin]:
    """All pins of a lock; `needed` says whether this Python on this system takes it."""
    pins = []
    for line in (ROOT / lock).read_text("utf-8").replace("\\\n", " ").splitlines():
        text, *hashes = line.split(" --hash=")
        wanted = Requirement(text.strip())
        [version] = (each.version for each in wanted.specifier if each.operator == "==")
        needed = wanted.marker is None or wanted.marker.evaluate()
        hashed = tuple(each.strip() for each in hashes)
        pins.append(Pin(canonicalize_name(wanted.name), frozenset(wanted.extras), version, needed, hashed))
    return pins


@functools.cache
def installed() -> dict[str, Distribution]:
    """What is installed in this environment, by name."""
    return {canonicalize_name(each.name): each for each in importlib.metadata.distributions()}


# --- licences ---------------------------------------------------------------------------------------------------------


def licence(name: str) -> str:
    """The licence of a package as an SPDX expression: the one written down in licences.yaml, or what it declares.

    Raises ValueError where neither says it.
    """
    if name in RULES["packages"]:
        return RULES["packages"][name]["licence"]
    found = installed().get(name)
    declared = _declared(found) if found else ""
    if not declared:
        raise ValueError(f"{name} does not say its licence clearly: read it, and add it to tests/licences.yaml")
    return declared


def _declared(found: Distribution) -> str:
    """What the package's metadata say, as an SPDX expression; empty if it is none that we know."""
    about = found.metadata
    if expression := about.get("License-Expression"):
        return expression
    classes = [each.rpartition(" :: ")[2] for each in about.get_all("Classifier", ()) if each.startswith("License ::")]
    for words in (about.get("License", ""), *classes):
        known = RULES["words"].get(words, words)
        if known == "BSD":
            return _clauses(found)
        if known and "\n" not in words and not SPDX.validate(known).errors:
            return known
    return ""


def _clauses(found: Distribution) -> str:
    """Which of the BSD licences: the longer one forbids the use of names to endorse. Empty without the text."""
    texts = [
        each for each in found.files or () if each.stem.upper() in ("LICENSE", "LICENCE", "COPYING", "LICENSE-BSD")
    ]
    text = " ".join(each.read_text("utf-8") for each in texts) or found.metadata.get("License", "")
    if "Redistribution" not in text:
        return ""
    return "BSD-3-Clause" if "endorse" in text else "BSD-2-Clause"


def refused(name: str, expression: str) -> list[str]:
    """The parts of a licence that licences.yaml does not allow, for this package or for all."""
    if RULES["packages"].get(name, {}).get("why"):
        return []
    parts = SPDX.parse(expression)
    if type(parts).__name__ == "OR":  # any of them will do
        allowed = any(str(each) in RULES["allowed"] for each in parts.args)
        return [] if allowed else [expression]
    return [str(each) for each in sorted(parts.symbols) if str(each) not in RULES["allowed"]]


@dataclass(frozen=True)
class Vendored:
    """A work of others in our repository: its origin, version, licence, use, and the hash of its files."""

    folder: Path
    package: str
    version: str
    licence: str
    why: str
    sha256: str
    text: str = "LICENSE"
    files: str = "**/*"  # a pattern, where a folder holds several works

    def paths(self) -> list[Path]:
        """Its files, the text of its licence among them."""
        found = {each for each in self.folder.glob(self.files) if each.is_file() and each.name != "origin.yaml"}
        return sorted(found | {self.folder / self.text})

    def digest(self) -> str:
        """The hash of all its files and their names."""
        found = hashlib.sha256()
        for path in self.paths():
            found.update(path.relative_to(self.folder).as_posix().encode() + b"\0" + path.read_bytes())
        return found.hexdigest()


def vendored() -> list[Vendored]:
    """What is vendored. Raises FileNotFoundError for a folder that does not say where it is from."""
    folders = sorted(each for each in VENDOR.iterdir() if each.is_dir())
    told = {each: yaml.safe_load((each / "origin.yaml").read_text("utf-8")) for each in folders}
    return [Vendored(folder, **work) for folder, works in told.items() for work in works]


def names() -> list[str]:
    """All packages of both locks."""
    return sorted({pin.name for lock in (LOCK, SPHINX_LOCK) for pin in locked(lock)})


def listing() -> str:
    """The text of LICENCES.md."""
    lines = [
        "# Licences of what the project rests on", "",
        "Written by `make licences` from what the packages of both locks declare and from `tests/licences.yaml`; a",
        "test compares it with what is installed. The project's own licences are in `LICENSE` and `LICENSE-TEXT`.", "",
        "## Allowed", "", "| licence | why |", "|---|---|",
        *(f"| {name} | {why} |" for name, why in RULES["allowed"].items()), "",
        "## In the repository", "", "| folder | package | version | licence | what for |", "|---|---|---|---|---|",
        *(f"| `{each.folder.relative_to(ROOT).as_posix()}` | {each.package} | {each.version} | {each.licence} "
          f"| {each.why} |" for each in vendored()), "",
        "## Installed by the locks", "", "| package | licence | remark |", "|---|---|---|",
    ]  # fmt: skip
    lines += [f"| {name} | {licence(name)} | {RULES['packages'].get(name, {}).get('why', '')} |" for name in names()]
    return "\n".join(lines) + "\n"


# --- bill of materials ------------------------------------------------------------------------------------------------


def sbom() -> dict:
    """The bill of materials in CycloneDX: what cyclonedx-py makes of the lock, with licences, and what is vendored."""
    command = [
        sys.executable, "-W", "ignore", "-m", "cyclonedx_py", "requirements", "--output-reproducible", "--no-validate",
        "--mc-type", "application", "--pyproject", "pyproject.toml", LOCK,
    ]  # fmt: skip
    made = json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)
    for component in made["components"]:
        component["licenses"] = [{"expression": licence(canonicalize_name(component["name"]))}]
    made["components"] += [
        {
            "type": "library",
            "bom-ref": f"vendored-{each.package}",
            "name": each.package.rpartition("/")[2],
            "version": each.version,
            "purl": f"pkg:{each.package.replace('@', '%40')}@{each.version}",
            "licenses": [{"expression": each.licence}],
            "properties": [{"name": "sha256 of the vendored files", "value": each.sha256}],
        }
        for each in vendored()
    ]
    made["dependencies"] += [{"ref": f"vendored-{each.package}"} for each in vendored()]
    return made


# --- what is installed ------------------------------------------------------------------------------------------------


def departures() -> list[str]:
    """How this environment departs from the lock: other versions, changed files, and what is not in it at all."""
    wanted, found = {pin.name: pin.version for pin in locked() if pin.needed}, installed()
    said = [f"{name} {version} is missing" for name, version in wanted.items() if name not in found]
    said += [f"{name} is not in the lock" for name in found.keys() - wanted.keys() - {OURS, "pip"}]
    for name in wanted.keys() & found.keys():
        if found[name].version != wanted[name]:
            said.append(f"{name} is {found[name].version}, the lock says {wanted[name]}")
        said += [f"{name}: {each} is not as it was installed" for each in changed(found[name])]
    return sorted(said)


def changed(package: Distribution) -> list[str]:
    """The files of an installed package that are missing or not what its RECORD says.

    `package.files` would not do: from Python 3.12 on it leaves out what is missing.
    """
    recorded = [
        (name, said.partition("=")) for name, said, _ in csv.reader((package.read_text("RECORD") or "").splitlines())
    ]
    places = ((name, Path(package.locate_file(name)), kind, value) for name, (kind, _, value) in recorded if value)
    return [name for name, path, kind, value in places if not path.is_file() or _hash(path, kind) != value]


def _hash(path: Path, kind: str) -> str:
    return base64.urlsafe_b64encode(hashlib.new(kind, path.read_bytes()).digest()).rstrip(b"=").decode()


def advisories() -> tuple[list[str], list[str]]:
    """Known vulnerabilities of what the locks pin, and what could not be asked about, from pip-audit and its source."""
    known, unasked = [], []
    for lock in (LOCK, SPHINX_LOCK):
        command = [sys.executable, "-m", "pip_audit", "--disable-pip", "--requirement", lock, "--format", "json"]
        done = subprocess.run([*command, "--progress-spinner", "off"], cwd=ROOT, capture_output=True, text=True)
        if not done.stdout.startswith("{"):
            return known, [f"{lock}: {(done.stderr.strip().splitlines() or ['pip-audit said nothing'])[-1]}"]
        for each in json.loads(done.stdout)["dependencies"]:
            if "skip_reason" in each:
                unasked.append(f"{lock}: {each['name']}: {each['skip_reason']}")
            known += [f"{each['name']} {each['version']}: {one['id']}" for one in each.get("vulns", ())]
    return sorted(set(known)), unasked


# --- commands ---------------------------------------------------------------------------------------------------------


def main(what: str) -> int:
    """Do one of the commands. Exit code 1: something is wrong; 3: advisories could not be asked for."""
    if what == "licences":
        LISTED.write_text(listing(), "utf-8")
        print(LISTED.relative_to(ROOT))
    elif what == "sbom":
        path = ROOT / "_build" / "sbom.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(sbom(), indent=1, sort_keys=True) + "\n", "utf-8")
        print(path.relative_to(ROOT))
    elif what == "verify":
        said = departures()
        print("\n".join(said) or f"{sum(pin.needed for pin in locked())} packages are as the lock says, file by file")
        return bool(said)
    else:
        known, unasked = advisories()
        print("\n".join(known) or "no known vulnerability in what could be asked about")
        if unasked:
            print(f"NOT ASKED about {len(unasked)} packages, such as {unasked[0]}")
        return 1 if known else 3 if unasked else 0
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
