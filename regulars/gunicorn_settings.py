"""gunicorn's settings for Regulars; its command line and GUNICORN_CMD_ARGS win over them.

    gunicorn -c python:regulars.gunicorn_settings --bind 127.0.0.1:8000 --workers 4

Rules: never `preload_app` (a database connection must not cross a fork), always behind a proxy.
Source: docs.gunicorn.org/en/stable/settings.html
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

# Where gunicorn's own heartbeat file costs nothing.
_SHARED_MEMORY: Final = Path("/dev/shm")  # noqa: S108  # nosec B108

wsgi_app = "regulars.wsgi:application()"
worker_class = "gthread"
threads = 8
# A proxy keeps its connections open longer than a browser would.
keepalive = 75
timeout = 60
# As long as every other part of Regulars may take to end.
graceful_timeout = 10
preload_app = False
# Or it opens a socket under $HOME, which a locked-down service has not.
control_socket_disable = True
worker_tmp_dir = str(_SHARED_MEMORY) if _SHARED_MEMORY.is_dir() else None
errorlog = "-"
accesslog = None
