"""A served application, and what a camera sees, for tests/browser."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import segno
import waitress
from PIL import Image
from playwright.sync_api import Browser

from loyalty.context import Loyalty
from tests.support import serving
from web.app import WebSettings, create_app

VIDEO_WIDTH, VIDEO_HEIGHT = 640, 480


@contextmanager
def served(ctx: Loyalty, **settings: Any) -> Iterator[str]:
    """The application on a free port of this machine; gives its address."""
    values = {"public_url": "http://127.0.0.1:1", "secret_key": "a secret of the tests only"}
    holder: dict[str, Any] = {}

    def application(environ: dict[str, Any], start_response: Any) -> Any:
        return holder["app"](environ, start_response)

    server = waitress.create_server(application, host="127.0.0.1", port=0, threads=4)
    url = f"http://127.0.0.1:{server.effective_port}"
    ctx = replace(ctx, settings=replace(ctx.settings, public_url=url))
    holder["app"] = create_app(ctx, WebSettings(**(values | {"public_url": url} | settings)))
    thread = threading.Thread(target=serving.run, args=(server,), daemon=True)
    thread.start()
    try:
        yield url
    finally:
        serving.end(server, thread)


@contextmanager
def another(browser: Browser, *flags: str) -> Iterator[Browser]:
    """A second Chromium beside the session's, with switches of its own."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    named = os.environ.get("REGULARS_TEST_BROWSER")
    found = browser.browser_type.launch(
        executable_path=named or path, args=["--no-sandbox", "--disable-gpu", *flags]
    )
    try:
        yield found
    finally:
        found.close()


def camera_flags(video: Path) -> tuple[str, ...]:
    """Chromium's switches that make `video` what the camera sees, without asking."""
    return (
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={video}",
    )


def video_of_code(text: str, path: Path, *, frames: int = 6) -> Path:
    """A Y4M film of a QR code held before a camera: grey table, white card, not quite straight."""
    matrix = [list(row) for row in segno.make(text, error="m", micro=False).matrix]
    size = len(matrix)
    code = Image.new("L", (size + 8, size + 8), 255)
    for y, row in enumerate(matrix):
        for x, dark in enumerate(row):
            if dark:
                code.putpixel((x + 4, y + 4), 0)
    code = code.resize((260, 260), Image.Resampling.NEAREST)
    with path.open("wb") as film:
        film.write(f"YUV4MPEG2 W{VIDEO_WIDTH} H{VIDEO_HEIGHT} F10:1 Ip A1:1 C420jpeg\n".encode())
        for number in range(frames):
            picture = Image.new("L", (VIDEO_WIDTH, VIDEO_HEIGHT), 110)
            turned = code.rotate(number - 2, expand=True, fillcolor=110)
            picture.paste(turned, (180 + 3 * number, 100 + 2 * number))
            film.write(b"FRAME\n" + picture.tobytes() + b"\x80" * (VIDEO_WIDTH * VIDEO_HEIGHT // 2))
    return path
