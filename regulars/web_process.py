"""The web process: the Flask application behind waitress, which buffers slow clients.

Behind a proxy that buffers too, gunicorn may run the same application (wsgi.py).
"""

from __future__ import annotations

import os
import signal
from types import FrameType
from typing import Final, NoReturn
from wsgiref.types import WSGIApplication

import waitress

from regulars.installation import Installation, public_url
from regulars.supervisor import end_with_parent
from regulars.web_watch import WebWatch
from signing.tokens import web_secret
from web.app import WebSettings, create_app

THREADS: Final = 8
CONNECTIONS_MAX: Final = 400
CHANNEL_TIMEOUT_S: Final = 60
BODY_BYTES_MAX: Final = 12 * 1024 * 1024


def serve_web(installation: Installation, *, host: str, port: int, insecure_lan: bool) -> None:
    """Serve until SIGTERM; requests in hand are finished first."""
    server = waitress.create_server(
        web_application(installation, insecure_lan=insecure_lan),
        host=host,
        port=port,
        threads=THREADS,
        ident="",
        connection_limit=CONNECTIONS_MAX,
        channel_timeout=CHANNEL_TIMEOUT_S,
        max_request_body_size=BODY_BYTES_MAX,
        clear_untrusted_proxy_headers=False,
    )
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGINT, _leave)
    end_with_parent(lambda: os.kill(os.getpid(), signal.SIGTERM))
    watch = WebWatch(installation)
    watch.start()
    server.run()
    watch.leave()


def web_application(installation: Installation, *, insecure_lan: bool = False) -> WSGIApplication:
    """The application of one process, for whatever server runs it."""
    environment = installation.settings.environment
    page = environment.sandbox_page_url
    return create_app(
        installation.loyalty,
        WebSettings(
            public_url=public_url(installation.settings),
            secret_key=web_secret(installation.keyring),
            insecure_lan=insecure_lan,
            sandbox_page_url=page,
            sandbox_iphone_add_url=f"{page.rstrip('/')}/phones/iphone/add" if page else None,
            proxy_hops=environment.proxy_hops,
            metrics_token=(
                environment.metrics_token.get_secret_value() if environment.metrics_token else None
            ),
        ),
    )


def _leave(_number: int, _frame: FrameType | None) -> NoReturn:
    # Waitress answers SystemExit in its loop by finishing what its threads hold.
    raise SystemExit(0)
