# One image for every process of the console; docker-compose.yml says which runs what.
FROM python:3.11-slim

ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 DATA_DIR=/data STATIC_ROOT=/app/staticfiles
WORKDIR /app

COPY requirements.txt .
RUN pip install --no-cache-dir --require-hashes -r requirements.txt

COPY manage.py ./
COPY astra_console astra_console
COPY events events
COPY monitoring monitoring
COPY templates templates
COPY static static

# Files are collected while root may still write; at run time the code is read-only for its user.
RUN useradd --system --uid 10001 --no-create-home astra \
 && mkdir --mode=0700 /data && chown astra /data \
 && DATA_DIR=/tmp/build ASTRA_TRANSPORT=memory python manage.py collectstatic --no-input --verbosity 0 \
 && rm -rf /tmp/build

USER astra
VOLUME /data
EXPOSE 8000
CMD ["python", "-m", "uvicorn", "astra_console.asgi:application", "--host", "0.0.0.0", "--port", "8000", "--lifespan", "on", "--no-access-log", "--no-server-header", "--ws-max-size", "65536", "--timeout-graceful-shutdown", "5"]
