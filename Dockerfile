# `make image` builds this: it checks what goes in, and adds the labels.
ARG BUILDER=docker.io/library/python:3.11-slim-bookworm
ARG BASE=gcr.io/distroless/python3-debian12:nonroot

FROM ${BASE} AS base

FROM ${BUILDER} AS builder
SHELL ["/bin/sh", "-eu", "-c"]
# hadolint ignore=DL3008
RUN apt-get update --quiet=2; apt-get install --yes --quiet=2 --no-install-recommends binutils >/dev/null
# Set by `make image` where the model's query makes features of the table's rows: the image then has DuckDB
ARG QUERY
COPY requirements-image.txt /
COPY requirements-image-query.txt /
RUN python -m pip install --quiet --no-cache-dir --disable-pip-version-check --root-user-action=ignore --require-hashes \
    --only-binary :all: --no-deps --no-compile --target /image/app/lib --requirement /requirements-image.txt \
    ${QUERY:+--requirement /requirements-image-query.txt}
# What no program needs as it runs: tests, compilers and what is for them, debug information
WORKDIR /image/app/lib
RUN rm -r bin numpy/distutils numpy/f2py; \
    find . -type d \( -name tests -o -name include \) -prune -exec rm -r {} +; \
    find . -type f \( -name '_*_tests.*.so' -o -name '_simd.*.so' -o -name '*.pyi' -o -name '*.a' \) -delete; \
    find uvloop httptools -name '*.so' -exec strip --strip-debug {} +
WORKDIR /image/app
COPY dvc.lock ./
COPY models models
COPY samebits samebits
COPY docker/compile.py /
COPY --from=base /usr/lib/python3.11 /image/usr/lib/python3.11
ARG SOURCE_DATE_EPOCH=0
RUN PYTHONPATH=/image/app:/image/app/lib python -B /compile.py; \
    find /image/usr -not -type d -not -name '*.pyc' -delete; \
    find /image/usr -type d -empty -delete; \
    chmod -R u=rwX,go=rX /image; \
    find /image -exec touch --no-dereference --date "@${SOURCE_DATE_EPOCH}" {} +

FROM base
COPY --from=builder /image /
WORKDIR /app
ARG COMMIT
ENV PYTHONPATH=/app/lib SAMEBITS_COMMIT=${COMMIT}
USER 65532:65532
EXPOSE 8080
HEALTHCHECK CMD ["/usr/bin/python3.11", "-c", "from http.client import HTTPConnection as To; c = To('127.0.0.1', 8080, timeout=3); c.request('GET', '/v2/health/ready'); exit(c.getresponse().status != 200)"]
ENTRYPOINT ["/usr/bin/python3.11", "-m", "samebits"]
CMD ["serve", "--host", "0.0.0.0"]
