# The HTTP service for an exported model (docs/serving.md):
#   docker build -t latefusion .
#   docker run --rm -p 127.0.0.1:8000:8000 -v "$PWD/models/my_shop:/model:ro" latefusion --target-precision 0.98
# or with the model in the image: a Dockerfile of two lines, `FROM latefusion` and `COPY models/my_shop /model`.
FROM python:3.11-slim

# The CPU builds of torch, without CUDA's libraries. For a GPU: --build-arg TORCH_INDEX=https://pypi.org/simple
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ENV PIP_NO_CACHE_DIR=1 PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /app

# What changes seldom comes first: the dependencies, in the versions of requirements.txt.
COPY pyproject.toml requirements.txt ./
RUN grep -E '^torch(vision)?==' requirements.txt > torch.txt \
    && pip install --index-url "$TORCH_INDEX" --requirement torch.txt \
    && python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" > needed.txt \
    && pip install --constraint requirements.txt --requirement needed.txt

COPY README.md LICENSE ./
COPY src src
RUN pip install --no-deps .

# It writes to /tmp alone: --read-only --tmpfs /tmp will do.
USER 10001
ENV HOME=/tmp
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=120s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health', timeout=4)"]
# The service must listen outside of its container, so 0.0.0.0; `docker run -p 127.0.0.1:...` keeps it on this machine.
ENTRYPOINT ["python", "src/15_serve.py", "--model", "/model", "--host", "0.0.0.0", "--port", "8000"]
