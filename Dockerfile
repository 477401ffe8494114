# syntax=docker/dockerfile:1
#
#   docker build -t sureflow:0.1.0-cpu --build-arg TORCH_INDEX=ADDRESS .
#   docker build -t sureflow:0.1.0-cuda --target cuda .
#
# TORCH_INDEX is the index with the builds of torch for CPUs, whose address the installation page of
# torch has; leave it out where pip is configured to find them.
#
# `deploy/rehearse.py` runs these steps in a clean root where no container engine is at hand.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

# The wheel of the product, embedded checkpoints included.
FROM ${PYTHON_IMAGE} AS wheel
WORKDIR /source
RUN python3 -m venv /opt/build \
    && /opt/build/bin/pip install --no-cache-dir "hatchling>=1.27"
COPY pyproject.toml README.md LICENSE ./
COPY models/ models/
COPY server/ server/
RUN /opt/build/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheels .

# torch comes first and from its own index, since it is most of the image and changes least. Builds
# for a CPU are a tenth of the size.
FROM ${PYTHON_IMAGE} AS cpu-environment
ARG TORCH_INDEX
# Such as [otel], for traces.
ARG EXTRAS=""
COPY constraints.txt /
RUN python3 -m venv /opt/sureflow \
    && /opt/sureflow/bin/pip install --no-cache-dir --constraint /constraints.txt \
        ${TORCH_INDEX:+--extra-index-url "${TORCH_INDEX}"} "torch==2.13.0+cpu"
COPY --from=wheel /wheels/ /wheels/
RUN /opt/sureflow/bin/pip install --no-cache-dir --constraint /constraints.txt \
        "$(echo /wheels/*.whl)${EXTRAS}"

# The build of torch for CUDA brings its libraries along; the host gives only the driver.
FROM ${PYTHON_IMAGE} AS cuda-environment
ARG EXTRAS=""
COPY constraints.txt /
RUN python3 -m venv /opt/sureflow \
    && /opt/sureflow/bin/pip install --no-cache-dir --constraint /constraints.txt "torch==2.13.0"
COPY --from=wheel /wheels/ /wheels/
RUN /opt/sureflow/bin/pip install --no-cache-dir --constraint /constraints.txt \
        "$(echo /wheels/*.whl)${EXTRAS}"

# What both have in common. Only /data and /tmp are written to, so the root may be read-only.
FROM ${PYTHON_IMAGE} AS runtime
RUN groupadd --gid 10001 sureflow \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin sureflow \
    && install -d -o 10001 -g 10001 -m 0700 /data
ENV PATH=/opt/sureflow/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    SUREFLOW_HOST=0.0.0.0 \
    SUREFLOW_PORT=8000 \
    SUREFLOW_DATA_DIR=/data
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s --retries=3 \
    CMD ["python3", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ['SUREFLOW_PORT'] + '/health/ready', timeout=4)"]
USER 10001:10001
ENTRYPOINT ["sureflow"]
CMD ["serve"]

FROM runtime AS cuda
COPY --from=cuda-environment /opt/sureflow /opt/sureflow
ENV SUREFLOW_DEVICE=cuda

# Last, so that it is what a plain `docker build` makes.
FROM runtime AS cpu
COPY --from=cpu-environment /opt/sureflow /opt/sureflow
