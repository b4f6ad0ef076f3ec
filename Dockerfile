# One image with everything; the daemon runs as an ordinary user, and its root file system may be read-only.
FROM python:3.11-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src

# Tools that build the wheel stay in this stage, the daemon's own packages go to /opt/setpoint.
COPY requirements.lock requirements-dev.lock ./
RUN python -m venv /opt/build \
    && /opt/build/bin/pip install --require-hashes -r requirements-dev.lock \
    && python -m venv --without-pip /opt/setpoint \
    && /opt/build/bin/pip --python /opt/setpoint/bin/python install --no-compile --require-hashes -r requirements.lock

COPY pyproject.toml README.md ./
COPY agent ./agent
COPY connectors ./connectors
COPY rules ./rules
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /opt/wheel . \
    && /opt/build/bin/pip --python /opt/setpoint/bin/python install --no-compile --no-deps /opt/wheel/*.whl \
    && /opt/setpoint/bin/python -m compileall -q /opt/setpoint/lib


FROM python:3.11-slim-bookworm
# For names in Chinese, Japanese or Korean on charts and in PDFs.
RUN apt-get update && apt-get install --yes --no-install-recommends fonts-droid-fallback && rm -rf /var/lib/apt/lists/*
RUN useradd --uid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin setpoint \
    && install -d -o setpoint -g setpoint /data \
    && install -d /config
COPY --from=build /opt/setpoint /opt/setpoint

# /config holds *.yaml and is only read; everything that is written goes to /data.
ENV PATH=/opt/setpoint/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    MPLCONFIGDIR=/data/.matplotlib \
    SETPOINT_CONFIG=/config \
    SETPOINT_DATABASE_URL=sqlite:////data/setpoint.db \
    SETPOINT_LISTEN=0.0.0.0:8080
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8080

HEALTHCHECK --interval=30s --timeout=5s --start-period=20s CMD ["python", "-c", "import http.client, os, sys; c = http.client.HTTPConnection('127.0.0.1', int(os.environ['SETPOINT_LISTEN'].rpartition(':')[2]), timeout=4); c.request('GET', '/-/healthy'); sys.exit(c.getresponse().status != 200)"]
ENTRYPOINT ["setpoint"]
CMD ["run"]
