# make        set up and reproduce        make test   set up and test        make help   the rest

PYTHON ?= python3
export PATH := $(CURDIR)/.venv/bin:$(PATH)
INSTALLED := .venv/installed
DOCKER ?= docker
IMAGE ?= samebits

.PHONY: reproduce
reproduce: $(INSTALLED)  ## run the pipeline, where it is not up to date, and print its metrics
	@test -s .dvc/tmp/rwlock || rm -f .dvc/tmp/rwlock  # DVC, killed as it writes this file, could not read it again
	dvc repro
	@python -m samebits results

.PHONY: test
test: $(INSTALLED) .venv/dask  ## check the style, the types and the behaviour
	ruff check
	ruff format --check
	mypy
	zizmor --offline --quiet .
	check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	hadolint Dockerfile
	pytest

.PHONY: test-image
test-image: $(INSTALLED)  ## test image and workflow, with podman and a registry of its own; as root on Debian, by apt
	pytest -m container --numprocesses 0 -rs

.PHONY: check
check: $(INSTALLED)  ## prove that HEAD describes its model: run it from nothing, compare; CHECK=--vary in 20 environments
	python -m samebits check $(CHECK)

.PHONY: lock
lock: $(INSTALLED)  ## check, without data, that dvc.lock is the record of this tree
	python -m samebits lock

.PHONY: image
image: $(INSTALLED)  ## build the image of HEAD's model: DOCKER=docker or podman, IMAGE=name, BUILD="--build-arg BASE=..."
	python -m samebits image build $(IMAGE) --docker "$(DOCKER)" $(BUILD)

.PHONY: image-test
image-test: $(INSTALLED)  ## compare a hardened container of the image with this machine, on all test rows
	python -m samebits image test $(IMAGE) --docker "$(DOCKER)"

.PHONY: image-push
image-push: $(INSTALLED)  ## push the image, pull it by its digest, test it; on main, make it the latest
	python -m samebits image push $(IMAGE) --docker "$(DOCKER)" $(BUILD)

.PHONY: verify
verify: $(INSTALLED)  ## prove that an image is the one that its commit describes: IMAGE=name@sha256:...
	python -m samebits image verify $(IMAGE) --docker "$(DOCKER)"

.PHONY: report
report: $(INSTALLED)  ## compare parameters and metrics with BASE (default: main), as Markdown
	python -m samebits report $(BASE) $(REPORT)

.PHONY: comment
comment:  ## put report.md into the comment on a pull request
	gh pr comment "$(PULL_REQUEST)" --body-file report.md --edit-last --create-if-none

.PHONY: rehearse
rehearse: $(INSTALLED)  ## run the steps of the CI workflow here; JOBS="..." only those
	python .github/rehearse.py $(JOBS)

.PHONY: setup
setup: $(INSTALLED)  ## make .venv and install the pins

.PHONY: readme
readme: $(INSTALLED)  ## put the results into README.md
	python -m samebits results --write README.md --picture docs/bits.svg

.PHONY: bench
bench: $(INSTALLED) .venv/bench/installed  ## measure what the docs quote anew; needs wrk, and the models of `make`
	python -m benchmarks.quantization
	python -m benchmarks.fit
	python -m benchmarks.stream
	python -m benchmarks.batch
	python -m benchmarks.load

.PHONY: pins
pins: $(INSTALLED)  ## write requirements.txt: the newest versions that pyproject.toml allows
	rm -rf .venv/pins
	python -m venv .venv/pins
	python -c 'import tomllib; p = tomllib.load(open("pyproject.toml", "rb")); print(*p["project"]["dependencies"], *p["dependency-groups"]["dev"], sep="\n")' > .venv/pins/direct.txt
	.venv/pins/bin/python -m pip install --quiet -r .venv/pins/direct.txt
	(grep '^#' requirements.txt; .venv/pins/bin/python -m pip freeze | sed 's/+cpu$$//') > .venv/pins/requirements.txt
	mv .venv/pins/requirements.txt requirements.txt
	.venv/pins/bin/python -m pip install --quiet uv
	(grep '^#' requirements-image.txt; .venv/pins/bin/uv pip compile --quiet --group image --constraint requirements.txt \
	  --python-version 3.11 --python-platform linux --generate-hashes --no-header --no-annotate) > .venv/pins/image.txt
	mv .venv/pins/image.txt requirements-image.txt
	(grep '^#' requirements-dask.txt; .venv/pins/bin/uv pip compile --quiet --group dask --constraint requirements.txt \
	  --python-version 3.11 --no-header --no-annotate) > .venv/pins/dask.txt
	mv .venv/pins/dask.txt requirements-dask.txt
	rm -rf .venv/pins

.PHONY: help
help:
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 20

.venv/bench/installed: benchmarks/requirements.txt | $(INSTALLED)
	rm -rf .venv/bench
	python -m venv .venv/bench
	.venv/bench/bin/python -m pip install --quiet --disable-pip-version-check -r benchmarks/requirements.txt
	touch $@

.venv/dask: $(INSTALLED) requirements-dask.txt
	python -m pip install --quiet --disable-pip-version-check -r requirements-dask.txt
	touch $@

$(INSTALLED): requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "samebits needs Python 3.11 or newer: make PYTHON=python3.11")'
	test -x .venv/bin/python || $(PYTHON) -m venv .venv
	python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@
