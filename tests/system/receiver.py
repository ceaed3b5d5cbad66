"""An HTTP server that takes what others post, and fails on demand."""

import json
import socket
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from local_server import LocalServer

# A status, or no answer: the connection stays open, or is reset.
Answer = int | Literal["silence", "reset"]


@dataclass(frozen=True)
class Request:
    at_s: float  # of a clock that never goes back
    path: str
    authorization: str | None
    raw: str
    answer: Answer

    @property
    def body(self) -> Any:
        return json.loads(self.raw)


class Receiver(LocalServer):
    """It runs in this process while it is entered."""

    def __init__(self, certificate: Path | None = None) -> None:
        super().__init__(certificate=certificate)
        self._lock = threading.Lock()
        self._requests: list[Request] = []
        self._answers: dict[str, list[Answer]] = {}
        self._ended = threading.Event()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        super().__exit__(kind, error, trace)

    def answer(self, path: str, *answers: Answer) -> None:
        """What the next requests to `path` get. Those after them get 200."""
        with self._lock:
            self._answers[path] = list(answers)

    def requests(self, path: str) -> list[Request]:
        with self._lock:
            return [request for request in self._requests if request.path == path]

    def _take(self, path: str, authorization: str | None, raw: str) -> Answer:
        with self._lock:
            answers = self._answers.get(path, [])
            answer = answers.pop(0) if answers else 200
            request = Request(time.monotonic(), path, authorization, raw, answer)
            self._requests.append(request)
            return answer

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["Content-Length"])).decode()
                answer = receiver._take(self.path, self.headers.get("Authorization"), raw)
                if answer == "silence":
                    receiver._ended.wait()
                elif answer == "reset":
                    # With a linger of no time, closing resets.
                    self.connection.setsockopt(
                        socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0"
                    )
                    self.connection.close()
                else:
                    self.send_response(answer)
                    self.send_header("Content-Length", "0")
                    self.end_headers()

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        return Handler
