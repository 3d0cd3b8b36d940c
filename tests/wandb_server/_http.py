"""HTTP: the server on 127.0.0.1, its routes, and the faults that a test may order."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from . import _graphql, _runs
from ._artifacts import find_artifact
from ._state import State

API_KEY = "0" * 40

FaultKind = Literal[500, 503, 429, 404, "hang", "refuse"]


@dataclass
class Fault:
    """A disturbance of requests, ended by `clear`, by its count, or by leaving its `with` block.

    `only` names what it disturbs: an operation, or "graphql", "file_stream" or "storage".
    """

    kind: FaultKind
    times: int | None = None
    only: str | None = None
    hits: int = 0
    cleared: threading.Event = field(default_factory=threading.Event, repr=False)

    def clear(self) -> None:
        """End the fault; requests that hang are answered with 503."""
        self.cleared.set()

    def __enter__(self) -> Fault:
        return self

    def __exit__(self, *exception: object) -> None:
        self.clear()

    def strikes(self, labels: tuple[str, ...]) -> bool:
        """Whether this request is disturbed; counts it when it is."""
        spent = self.times is not None and self.hits >= self.times
        if self.cleared.is_set() or spent or (self.only is not None and self.only not in labels):
            return False
        self.hits += 1
        return True


class WandbServer(State):
    """A W&B server in memory. Use it as a context manager, or call `close`."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed)
        self.faults: list[Fault] = []
        self.connections: set[socket.socket] = set()
        self._http = _Http(("127.0.0.1", 0), _Handler)
        self._http.state = self
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )
        self._thread.start()

    def __enter__(self) -> WandbServer:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def env(self) -> dict[str, str]:
        """Return the variables that point a wandb client, in this process or another, here.

        Retries and transmissions are as quick as wandb allows; nothing else differs from a user's.
        """
        return {
            "WANDB_BASE_URL": self.url,
            "WANDB_API_KEY": API_KEY,
            "WANDB_MODE": "online",
            "WANDB_ERROR_REPORTING": "false",
            "WANDB_X_FILE_STREAM_TRANSMIT_INTERVAL": "1",
            "WANDB_X_FILE_STREAM_RETRY_WAIT_MIN_SECONDS": "0.1",
            "WANDB_X_FILE_STREAM_RETRY_WAIT_MAX_SECONDS": "1",
            "WANDB_X_GRAPHQL_RETRY_WAIT_MIN_SECONDS": "0.1",
            "WANDB_X_GRAPHQL_RETRY_WAIT_MAX_SECONDS": "1",
            "WANDB_X_FILE_TRANSFER_RETRY_WAIT_MIN_SECONDS": "0.1",
            "WANDB_X_FILE_TRANSFER_RETRY_WAIT_MAX_SECONDS": "1",
        }

    def fail(self, kind: FaultKind, times: int | None = None, only: str | None = None) -> Fault:
        """Disturb the next requests: answer with a status, never answer, or drop the connection."""
        fault = Fault(kind, times, only)
        with self.changed:
            self.faults.append(fault)
        return fault

    def clear_faults(self) -> None:
        """End every fault."""
        for fault in self.faults:
            fault.clear()

    def close(self) -> None:
        """Stop serving and close every connection."""
        self.clear_faults()
        self._http.shutdown()
        for connection in list(self.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._http.server_close()
        self._thread.join()


class _Http(ThreadingHTTPServer):
    state: WandbServer
    daemon_threads = False  # so that server_close waits for the handlers
    request_queue_size = 256

    def server_bind(self) -> None:
        # Not HTTPServer's: that one asks a name server for this machine's name.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]

    def get_request(self) -> tuple[socket.socket, Any]:
        request, address = super().get_request()
        self.state.connections.add(request)
        return request, address

    def shutdown_request(self, request: Any) -> None:
        self.state.connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that hang up; the wandb client does so when it ends."""


class _Handler(BaseHTTPRequestHandler):
    server: _Http
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        self._handle()

    def do_PUT(self) -> None:
        self._handle()

    def do_GET(self) -> None:
        self._handle()

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet: `server.requests` is the log."""

    def _handle(self) -> None:
        state = self.server.state
        body = self._body()
        path = unquote(urlsplit(self.path).path)
        labels = self._labels(path, body)
        with state.changed:
            state.requests.append(labels[-1])
            fault = next((fault for fault in state.faults if fault.strikes(labels)), None)
            state.changed.notify_all()
        if fault is not None:
            self._disturb(fault)
            return
        with state.changed:
            status, answer = self._answer(state, path, labels, body)
            state.changed.notify_all()
        self._send(status, answer)

    def _labels(self, path: str, body: bytes) -> tuple[str, ...]:
        """Name the request, from its kind to what stands in the log."""
        if path == "/graphql":
            return "graphql", _graphql.operation_name(json.loads(body))
        if path.endswith("/file_stream"):
            return ("file_stream",)
        if path.startswith("/storage/"):
            return "storage", f"{self.command} {path}"
        return (f"{self.command} {path}",)

    def _answer(
        self, state: WandbServer, path: str, labels: tuple[str, ...], body: bytes
    ) -> tuple[int, Any]:
        try:
            if labels[0] == "graphql":
                return _graphql.execute(state, json.loads(body))
            if labels[0] == "file_stream":
                # /files/ENTITY/PROJECT/RUN/file_stream
                run = _runs.find_run(state, path.split("/")[-2])
                return 200, _runs.receive_stream(state, run, json.loads(body))
            if labels[0] == "storage":
                return self._storage(state, path, body)
        except _graphql.GraphQLError as error:
            return error.status, {"error": str(error)}
        state.unknown.append(labels[-1])
        return 404, {"error": f"the test server does not know {labels[-1]}"}

    def _storage(self, state: WandbServer, path: str, body: bytes) -> tuple[int, Any]:
        kind, owner, name = path.removeprefix("/storage/").split("/", 2)
        if kind == "run":
            files = _runs.find_run(state, owner).files
        else:
            files = find_artifact(state, owner).files
        if self.command == "GET":
            return (200, files[name]) if name in files else (404, {"error": f"no file {name}"})
        if kind == "manifest":
            find_artifact(state, owner).manifest = json.loads(body)
        else:
            files[name] = body
        return 200, b""

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            data = b"".join(self._chunks())
        else:
            data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Content-Encoding") == "gzip":
            data = gzip.decompress(data)
        return data

    def _chunks(self) -> Any:
        while size := int(self.rfile.readline().split(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def _disturb(self, fault: Fault) -> None:
        if fault.kind == "refuse":
            self.close_connection = True
        elif fault.kind == "hang":
            fault.cleared.wait()
            self._send(503, {"error": "hung"})
        else:
            self._send(fault.kind, {"error": "ordered by the test"})

    def _send(self, status: int, answer: Any) -> None:
        data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        kind = "application/octet-stream" if isinstance(answer, bytes) else "application/json"
        self.send_response_only(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(data)
