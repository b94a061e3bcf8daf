# make book builds everything from a bare Python 3.11 and make; make test tests it. make help lists the rest.
PYTHON ?= python3
BIN := .venv/bin
export PYTHONHASHSEED := 0
PARALLEL := -n auto

ifdef BUILD  # the sources may be read-only: everything happens in a copy of them in this folder, which stays for next time
COPY := $(BUILD)/what-a-token-costs
GOALS := $(or $(MAKECMDGOALS),help)
.PHONY: $(GOALS) copied

$(GOALS): copied
	@$(MAKE) --no-print-directory -C "$(COPY)" BUILD= $@

copied:
	@mkdir -p "$(COPY)"
	@find "$(COPY)" -mindepth 1 -maxdepth 1 ! -name '.venv*' ! -name _build -exec rm -rf {} +
	@tar -cf - --exclude=./.git --exclude='./.venv*' --exclude=./_build --exclude=__pycache__ --exclude='*.egg-info' . \
	  | tar -xf - -C "$(COPY)"
	@chmod -R u+w "$(COPY)"
else

.PHONY: $(shell sed -n 's/^\([a-z]*\):.*##.*/\1/p' $(MAKEFILE_LIST))
.DEFAULT_GOAL := help

help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## / \t/' | expand -t 14

book: .venv/ready  ## build _build/html; SCENARIO=name takes notebooks/scenarios/name.yml, PRICES=file.csv your own quotes
	@$(BIN)/costlib build $(if $(SCENARIO),--scenario $(SCENARIO)) $(if $(PRICES),--prices $(PRICES))

pdf: book  ## print the whole book as _build/what-a-token-costs.pdf (two minutes; needs Chromium)
	@$(BIN)/costlib pdf

slides: book  ## make a deck of slides per chapter in _build/slides
	@$(BIN)/costlib slides

refresh: .venv/ready  ## take the newest genai-prices and add what changed to the price table (needs a network)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade genai-prices
	@$(BIN)/costlib prices refresh --on $$(date -u +%F) || test $$? -eq 3

test: .venv/ready  ## set up and pass all tests, on all cores
	@sh tests/chromium.sh
	@test -f _build/html/index.html || $(BIN)/costlib build
	@$(BIN)/python -m pytest $(PARALLEL)

coverage: .venv/ready  ## the same without the pages, and how much of the library they run: at least 95% of its branches
	@mkdir -p _build
	@COVERAGE_FILE=$(CURDIR)/_build/coverage $(BIN)/python -m pytest $(PARALLEL) --ignore tests/test_pages.py --cov --cov-report term-missing

mutation: .venv/ready  ## how many changes of models and data the tests notice, 90% at least; SAMPLE=25 tries so many of each module
	@$(BIN)/python -m tests.mutation $(SAMPLE)

check: .venv/ready  ## check tables, sources and style
	@$(BIN)/costlib check
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

accept: .venv/ready  ## take changed headline numbers over; REASON="..." says why in CHANGELOG.md
	@$(BIN)/python -m tests.headlines "$$REASON"

calibrate: .venv/ready  ## fit the serving model to data/measurements.csv anew: data/calibration.csv and its errors
	@$(BIN)/costlib calibrate

notebooks: .venv/ready  ## run every notebook into book/executed
	@$(BIN)/costlib notebooks

student: .venv/ready  ## write the notebooks without solutions into _build/student
	@$(BIN)/costlib student

serve: .venv/ready  ## show the built book at http://127.0.0.1:8000
	@$(BIN)/python -m http.server --bind 127.0.0.1 --directory _build/html 8000

lab: .venv/ready  ## open the notebooks in JupyterLab
	@$(BIN)/jupyter lab --ip 127.0.0.1 --notebook-dir .

bench: .venv/ready  ## measure builds and compiled equations, as ratios in one run; RECORD=1 keeps them in book/benchmarks.md
	@$(BIN)/python -m tests.benchmark $(if $(RECORD),--record)

reproducible: book  ## build the book a second time elsewhere and compare every file
	@$(BIN)/python -m tests.test_reproducible

fuzz: .venv/ready  ## throw 10,000 hostile inputs and more at everything that reads files or parameters (about half an hour)
	@HYPOTHESIS_PROFILE=nightly $(BIN)/python -m pytest -n auto --durations 0 tests/test_fuzz.py tests/test_fuzz_tables.py

quality: .venv/ready  ## scores of Lighthouse for every page (needs Node); PAGES="roofline index" for some, DESKTOP=1 as a desktop
	@$(BIN)/python -m tests.quality $(if $(DESKTOP),--desktop) $(PAGES)

sphinx: .venv/ready .venv-sphinx/ready  ## set the pages that stand in book/executed with plain current Sphinx, into _build/sphinx
	@test -d book/executed || $(BIN)/costlib notebooks
	@rm -rf _build/sphinx
	@.venv-sphinx/bin/python -m sphinx -q -n -W --keep-going -c book/_sphinx -d _build/sphinx/.doctrees . _build/sphinx
	@echo "_build/sphinx/index.html"

licences: .venv/ready  ## write LICENCES.md: the licences of all that the locks install and the repository holds
	@$(BIN)/python -m tests.supply licences

sbom: .venv/ready  ## write _build/sbom.json: the lock as a CycloneDX bill of materials, with licences
	@$(BIN)/python -m tests.supply sbom

verify: .venv/ready  ## compare what is installed with the lock, file by file
	@$(BIN)/python -m tests.supply verify

audit: .venv/ready  ## ask for known vulnerabilities of what the locks pin (needs a network)
	@$(BIN)/python -m tests.supply audit

lock:  ## pin the dependencies of pyproject.toml anew (needs uv)
	$(COMPILE) --all-extras pyproject.toml -o requirements.lock
	$(COMPILE) --group sphinx -o requirements-sphinx.lock

clean:  ## remove what was built, but not the environment
	rm -rf _build book/executed

# Extras stay: pip looks for the newest coverage[toml] of all when only coverage is pinned, and stops, having no hash
COMPILE = uv pip compile --quiet --universal --no-strip-extras --generate-hashes --python-version 3.11 --no-header --no-annotate

.venv/ready: requirements.lock pyproject.toml
	@echo "setting up the environment (about a minute)"
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 to 3.13 is needed, this is " + sys.version.split()[0]) if not (3, 11) <= sys.version_info[:2] <= (3, 13) else None'
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .  # the second q: a warning that editable installs always give
	@touch $@

.venv-sphinx/ready: requirements-sphinx.lock
	@echo "setting up an environment for plain Sphinx (half a minute)"
	@$(PYTHON) -m venv .venv-sphinx
	@.venv-sphinx/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-sphinx.lock
	@touch $@
endif
