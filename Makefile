# make        set up and reproduce        make test   set up and test        make help   the rest

PYTHON ?= python3
export PATH := $(CURDIR)/.venv/bin:$(PATH)
INSTALLED := .venv/installed
DEV := .venv/dev
TORCH ?= cpu
DOCKER ?= docker
IMAGE ?= samebits
REPOSITORY ?= $(shell git config remote.origin.url)
EXAMPLES := samebits/proof/adoption/workflows
TEMPLATE := samebits/project/template

.PHONY: reproduce
reproduce: $(INSTALLED)  ## run the pipeline if it is not up to date, and print its metrics
	@python tools/heal.py
	@python -m stages.params
	dvc repro
	@samebits results

.PHONY: test
test: $(DEV)  ## check style, types and behaviour
	ruff check
	ruff format --check
	lint-imports
	zizmor --offline --quiet . $(EXAMPLES)/github.yml $(TEMPLATE)/.github/workflows/ci.yml
	check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml $(EXAMPLES)/github.yml $(TEMPLATE)/.github/workflows/ci.yml
	check-jsonschema --builtin-schema vendor.github-actions action.yml
	check-jsonschema --builtin-schema vendor.gitlab-ci --data-transform gitlab-ci $(EXAMPLES)/gitlab.yml
	pre-commit validate-manifest .pre-commit-hooks.yaml
	check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	check-jsonschema --builtin-schema vendor.citation-file-format CITATION.cff
	check-jsonschema --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/*.yml
	hadolint Dockerfile $(TEMPLATE)/Dockerfile
	@$(MAKE) --no-print-directory --jobs=2 types behaviour

.PHONY: types behaviour
types:
	mypy

behaviour:
	env -u MAKEFLAGS pytest  # some tests run make

.PHONY: test-image
test-image: $(DEV)  ## test the image with podman and a local registry; as root on Debian, with apt
	pytest -m container --numprocesses 0 -rs

.PHONY: crash
crash: $(DEV)  ## kill the pipeline before each of its writes, check that `make` repairs it; on Linux; KILLS=20 for 20 kills
	pytest -m crash --numprocesses 0 --capture no $(if $(KILLS),--kills $(KILLS))

.PHONY: fuzz
fuzz: $(DEV)  ## give the proof files with faults, look for tracebacks and hangs; FUZZ=1000 for so many
	FUZZ=$(or $(FUZZ),1000) pytest --numprocesses 0 tests/proof/test_fuzz.py tests/proof/test_record.py

.PHONY: systems
systems: $(DEV)  ## compare refined solutions with balls and fractions, bit by bit; SYSTEMS=1000 for five times so many
	SYSTEMS=$(or $(SYSTEMS),1000) pytest tests/exact/test_solving.py

.PHONY: contract
contract: $(DEV)  ## run scikit-learn's own tests of linear regressions against our estimators; some minutes
	python -m tests.exact.contract -n 2

.PHONY: check
check: $(INSTALLED)  ## prove that HEAD describes its model: run it from nothing, compare; CHECK=--vary for 20 environments
	SAMEBITS_BACKEND=loky samebits check $(CHECK)

.PHONY: statements
statements: $(INSTALLED)  ## combine statements of several machines; STATEMENTS="FILE... --at-least 2"
	samebits verify $(STATEMENTS)

.PHONY: lock
lock: $(INSTALLED)  ## check, without data, that dvc.lock records this tree
	samebits lock

.PHONY: image
image: .venv/image  ## build the image of HEAD's model: DOCKER=docker or podman, IMAGE=name, BUILD="--build-arg BASE=..."
	samebits image build $(IMAGE) --docker "$(DOCKER)" $(BUILD)

.PHONY: image-test
image-test: .venv/image  ## compare a hardened container of the image with this machine, on all test rows
	samebits image test $(IMAGE) --docker "$(DOCKER)"

.PHONY: image-push
image-push: .venv/image  ## push the image, pull it by digest, test it; on main, tag it `latest`
	samebits image push $(IMAGE) --docker "$(DOCKER)" $(BUILD)

.PHONY: verify
verify: .venv/image  ## prove that an image is the one its commit describes: IMAGE=name@sha256:...
	samebits image verify $(IMAGE) --docker "$(DOCKER)"

.PHONY: page
page: $(INSTALLED)  ## write the results of the last run into page.html
	samebits results --html page.html

.PHONY: report
report: $(INSTALLED)  ## compare parameters and metrics with BASE (default: main), as Markdown
	samebits report $(BASE) $(REPORT)
	@echo
	@samebits results --chart

.PHONY: comment
comment:  ## post report.md as a comment on a pull request
	gh pr comment "$(PULL_REQUEST)" --body-file report.md --edit-last --create-if-none

.PHONY: rehearse
rehearse: $(DEV)  ## run the steps of the CI workflow and of the examples here; JOBS="..." only those, SKIP=job without that
	python .github/rehearse.py $(JOBS) $(addprefix --skip=,$(SKIP))

.PHONY: rehearse-release
rehearse-release: $(DEV)  ## run the steps of the release here, up to the upload, which goes to an index of this machine
	python .github/rehearse_release.py

.PHONY: dist
dist: $(DEV)  ## build wheel and sdist of HEAD twice, compare and try them; REPOSITORY=URL for the links of README
	python tools/dist.py $(REPOSITORY)
	python tools/doors.py dist/*.whl

.PHONY: setup
setup: $(INSTALLED)  ## make .venv; install requirements.txt and `samebits` itself into it; TORCH=cuda for PyTorch with CUDA

.PHONY: dev
dev: $(DEV)  ## also install what tests, checks and the server need

.PHONY: readme
readme: $(DEV)  ## write the results into README.md, draw its picture, write the page of `dvc plots`
	samebits results --write README.md --picture docs/bits.svg
	python tools/plots_page/make.py
	python tools/notebook.py docs/*.ipynb

.PHONY: docs
docs: .venv/docs/installed  ## build the site of docs/ into site/; view it: python -m http.server --directory site
	.venv/docs/bin/python -m tools.site.make "$(REPOSITORY)" $(SITE)

.PHONY: bench
bench: $(DEV) .venv/bench/installed  ## repeat the measurements in the docs; needs wrk and the models of `make`
	python -m benchmarks.quantization
	python -m benchmarks.pipeline
	python -m benchmarks.check
	python -m benchmarks.fit
	python -m benchmarks.stream
	python -m benchmarks.batch
	python -m benchmarks.load

.PHONY: pins
pins: $(INSTALLED)  ## write the requirements files and KServe's schema, of the newest versions that pyproject.toml allows
	python tools/pins.py $(TORCH)
	python tools/kserve_schema.py

.PHONY: help
help:
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 20

.venv/docs/installed: tools/site/requirements.txt
	rm -rf .venv/docs
	$(PYTHON) -m venv .venv/docs
	.venv/docs/bin/python -m pip install --quiet --disable-pip-version-check -r tools/site/requirements.txt
	touch $@

.PHONY: mutants
mutants: $(DEV) .venv/mutants/installed  ## change code in one place at a time; what do its tests miss? ROOM=exact TESTS="..." MUTANTS="'*eigen*'"
	python tools/mutants.py $(ROOM) --tests $(TESTS) --mutants $(MUTANTS)

.venv/bench/installed: benchmarks/requirements.txt | $(INSTALLED)
	rm -rf .venv/bench
	python -m venv .venv/bench
	.venv/bench/bin/python -m pip install --quiet --disable-pip-version-check -r benchmarks/requirements.txt
	touch $@

.venv/mutants/installed: | $(INSTALLED)
	rm -rf .venv/mutants
	python -m pip install --quiet --disable-pip-version-check --target .venv/mutants/packages mutmut==3.8.1
	touch $@

# What the image's commands need beside the pipeline; the pins are those of the image
.venv/image: requirements-image.txt | $(INSTALLED)  # what a query needs beside, the pipeline needs, too
	python tools/install.py $(TORCH) requirements-image.txt
	touch $@

$(DEV): requirements-dev.txt requirements-dask.txt | $(INSTALLED)
	python tools/install.py $(TORCH) requirements-dev.txt
	touch .venv/image $@  # the image's packages are among them

$(INSTALLED): requirements.txt pyproject.toml $(wildcard samebits/exact/compiled/*.[ch] samebits/model/*.c)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "samebits needs Python 3.11 or newer: make PYTHON=python3.11")'
	test -x .venv/bin/python || $(PYTHON) -m venv .venv
	python tools/install.py $(TORCH) requirements.txt
	python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	python -m samebits.exact.compiled
	touch $@
