# The platform as an image; docs/container.md says how to build and run it.
#
# BASE is any Debian or Ubuntu with Python 3.11 and its venv module; both stages are made from it.
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS build
# Further extras of the package, such as "cluster" or "cluster,train".
ARG EXTRAS=""
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /source
COPY .ci/constraints.txt .ci/constraints-cluster.txt ./
COPY pyproject.toml README.md LICENSE ./
COPY flamingo_bark_assets ./flamingo_bark_assets
# Where packages come from is the builder's affair: the secret `pip` is a pip.conf, and leaves no trace in the image.
# torch first, by its exact release: where the CPU's build has a label of its own, a range would take the CUDA one.
# Whole seconds as times: numba's cache knows a module by its time, of which layers keep no more.
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    python3.11 -m venv /opt/flamingo-bark \
    && /opt/flamingo-bark/bin/pip install --quiet --constraint constraints.txt "$(grep '^torch==' constraints.txt)" \
    && /opt/flamingo-bark/bin/pip install --quiet \
        --constraint constraints.txt --constraint constraints-cluster.txt "/source${EXTRAS:+[$EXTRAS]}" \
    && /opt/flamingo-bark/bin/pip uninstall --quiet --yes pip \
    && /opt/flamingo-bark/bin/python -c "import os, pathlib; \
[os.utime(file, (int(file.stat().st_mtime),) * 2) for file in pathlib.Path('/opt/flamingo-bark/lib').rglob('*.py')]"

FROM ${BASE}
# The kind of processor for which inner loops are compiled: x86-64-v3 is any with AVX2 and FMA; "generic" is any at all.
ARG CPU=x86-64-v3
RUN groupadd --gid 10001 flamingo \
    && useradd --uid 10001 --gid flamingo --no-create-home --home-dir /data --shell /usr/sbin/nologin flamingo \
    && install --directory --owner flamingo --group flamingo /data /dagster /opt/kernels
COPY --from=build /opt/flamingo-bark /opt/flamingo-bark
COPY data/demo /opt/flamingo-bark/data/demo
ENV PATH=/opt/flamingo-bark/bin:$PATH \
    DAGSTER_HOME=/dagster \
    FLAMINGO_BARK_DATA=/data \
    NUMBA_CACHE_DIR=/opt/kernels \
    NUMBA_CPU_NAME=${CPU} \
    NUMBA_CPU_FEATURES="" \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
WORKDIR /opt/flamingo-bark
USER 10001:10001
# What the first songs would wait for half a minute of CPU time for.
RUN flamingo-bark warm-up
VOLUME ["/data", "/dagster"]
EXPOSE 3000 8080
HEALTHCHECK --interval=30s --timeout=10s --start-period=90s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/health', timeout=8)"]
CMD ["flamingo-bark", "ui", "--host", "0.0.0.0"]
