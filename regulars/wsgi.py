"""The application for gunicorn: `gunicorn -c python:regulars.gunicorn_settings`.

One call in each worker process, after the fork: a database connection never crosses one. Only
behind a proxy that buffers requests, because gunicorn's threads wait for slow clients.
"""

from __future__ import annotations

import atexit
import sys
from wsgiref.types import WSGIApplication

from common.errors import WalletError
from regulars.console import Console
from regulars.installation import open_installation
from regulars.logs import set_up_logging
from regulars.settings import read_settings
from regulars.web_process import web_application
from regulars.web_watch import WebWatch


def application() -> WSGIApplication:
    """The web pages of the installation that the environment names.

    Raises:
        SystemExit: the settings are wrong or the database is away; stderr has the sentence.
    """
    try:
        settings = read_settings()
        set_up_logging(settings.environment.log_level)
        installation = open_installation(settings)
        watch = WebWatch(installation)
        watch.start()
        atexit.register(watch.leave)
        return web_application(installation)
    except WalletError as error:
        # gunicorn would show a trace; whoever runs the machine needs the one sentence.
        sys.exit(Console(as_json=False).fail(error))
