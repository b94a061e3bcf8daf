# make book builds everything from a bare Python 3.11 and make; make test tests it. make help lists the rest.
PYTHON ?= python3
BIN := .venv/bin
export PYTHONHASHSEED := 0

.PHONY: help book refresh test check calibrate notebooks serve lab bench quality lint lock clean
.DEFAULT_GOAL := help

help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## / \t/' | expand -t 14

book: .venv/ready  ## build _build/html; SCENARIO=name takes notebooks/scenarios/name.yml, PRICES=file.csv your own quotes
	@$(BIN)/costlib build $(if $(SCENARIO),--scenario $(SCENARIO)) $(if $(PRICES),--prices $(PRICES))

refresh: .venv/ready  ## take the newest genai-prices and add what changed to the price table (needs a network)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade genai-prices
	@$(BIN)/costlib prices refresh --on $$(date -u +%F) || test $$? -eq 3

test: .venv/ready  ## set up and pass all tests
	@sh tests/chromium.sh
	@test -f _build/html/index.html || $(BIN)/costlib build
	@$(BIN)/python -m pytest

check: .venv/ready  ## check tables, sources and style
	@$(BIN)/costlib check
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

calibrate: .venv/ready  ## fit the serving model to data/measurements.csv anew: data/calibration.csv and its errors
	@$(BIN)/costlib calibrate

notebooks: .venv/ready  ## run every notebook into book/executed
	@$(BIN)/costlib notebooks

serve: .venv/ready  ## show the built book at http://127.0.0.1:8000
	@$(BIN)/python -m http.server --bind 127.0.0.1 --directory _build/html 8000

lab: .venv/ready  ## open the notebooks in JupyterLab
	@$(BIN)/jupyter lab --ip 127.0.0.1 --notebook-dir .

bench: .venv/ready  ## measure the speed of compiled equations, as ratios in one run
	@$(BIN)/python -m tests.benchmark

quality: .venv/ready  ## scores of Lighthouse for every page of the built book (needs Node); PAGES="roofline index" for some
	@$(BIN)/python -m tests.quality $(PAGES)

lock:  ## pin the dependencies of pyproject.toml anew (needs uv)
	uv pip compile --quiet --universal --generate-hashes --all-extras --python-version 3.11 --no-header --no-annotate pyproject.toml -o requirements.lock

clean:  ## remove what was built, but not the environment
	rm -rf _build book/executed

.venv/ready: requirements.lock pyproject.toml
	@echo "setting up the environment (about a minute)"
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 to 3.13 is needed, this is " + sys.version.split()[0]) if not (3, 11) <= sys.version_info[:2] <= (3, 13) else None'
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .  # the second q: a warning that editable installs always give
	@touch $@
