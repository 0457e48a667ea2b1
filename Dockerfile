# The app without the Functions host: docs/container.md. Nothing here is secret; settings come from the environment.
FROM python:3.13-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1
WORKDIR /app
COPY requirements-container.txt ./
RUN python -m venv /venv \
    && /venv/bin/pip install --requirement requirements-container.txt
COPY function_app.py host.json pipelines.yaml rules.yaml ./
COPY bridge bridge
# Read-only for the app, so what Python compiles has to be there: seconds at each start.
RUN /venv/bin/python -m compileall -q .

FROM python:3.13-slim
LABEL org.opencontainers.image.title="aml-bridge" \
      org.opencontainers.image.description="Start Azure Machine Learning pipelines from Snowflake, and read their runs back as rows." \
      org.opencontainers.image.licenses="MIT"
RUN groupadd --system --gid 10001 bridge \
    && useradd --system --uid 10001 --gid bridge --no-create-home --shell /usr/sbin/nologin bridge
COPY --from=build /venv /venv
COPY --from=build /app /app
WORKDIR /app
# So many threads would otherwise split the memory into pieces that are never given back.
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    MALLOC_ARENA_MAX=2 \
    MALLOC_TRIM_THRESHOLD_=131072
USER 10001:10001
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 \
    CMD ["python", "-m", "bridge.container.probes", "8080"]
ENTRYPOINT ["python", "-m", "bridge.container"]
CMD ["all", "--host", "0.0.0.0", "--port", "8080"]
