"""Pages over HTTP as the plugin serves them, with its Content-Security-Policy and the files of ``static/``."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from muniment.adapters.fleet.pages import STATIC

CSP = (
    "default-src 'self'; style-src 'self'; script-src 'self'; img-src 'self' data:; frame-ancestors 'self'; "
    "base-uri 'none'; form-action 'self'"
)
_KINDS = {"css": "text/css", "js": "text/javascript"}
_OURS = "/recovery/static/"


@contextmanager
def served(pages: Mapping[str, str | Callable[[], str]], *, anywhere: str | None = None) -> Iterator[str]:
    """Its address, without a slash at the end. ``pages``: HTML by path; ``anywhere``: of each other path."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind, body = _answer(pages, anywhere, urlsplit(self.path).path)
            self.send_response(200 if body is not None else 404)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Security-Policy", CSP)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: what was asked for is the browser's to tell."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _answer(pages: Mapping[str, str | Callable[[], str]], anywhere: str | None, path: str) -> tuple[str, bytes | None]:
    if path.startswith(_OURS):
        name = path.removeprefix(_OURS)
        return _KINDS[name.rpartition(".")[2]], (STATIC / name).read_bytes()
    if path == "/favicon.ico":
        return "image/x-icon", b""
    page = pages.get(path, anywhere)
    return "text/html", None if page is None else (page if isinstance(page, str) else page()).encode()
