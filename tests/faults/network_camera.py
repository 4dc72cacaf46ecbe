"""A network camera: JPEG pictures over HTTP, one after the other. It can hang, freeze, send rubbish, and be pulled."""

from __future__ import annotations

import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any

import cv2
import numpy as np

from tests.bundles import surface_picture
from tests.daemons import free_port


class _Stream(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        pictures = count()
        number = 0
        while True:
            while self.server.camera.hangs.is_set():
                time.sleep(0.01)
            if self.server.gone.is_set():
                return
            if not self.server.camera.freezes.is_set():
                number = next(pictures)
            jpeg = bytes(cv2.imencode(".jpg", surface_picture(number % 50))[1])
            if self.server.camera.raves.is_set():
                jpeg = np.random.default_rng(number).bytes(len(jpeg))
            self.wfile.write(b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg))
            self.wfile.write(jpeg + b"\r\n")
            time.sleep(self.server.period_s)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, port: int, period_s: float, camera: NetworkCamera) -> None:
        super().__init__(("127.0.0.1", port), _Stream)
        self.period_s = period_s
        self.camera = camera
        self.gone = threading.Event()
        self._open: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that leave are no fault."""

    def cut(self) -> None:
        """Close every connection, as a pulled cable would in the end."""
        self.gone.set()
        for connection in self._open:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # it has gone by itself


class NetworkCamera:
    """Delivers from `plug` on."""

    def __init__(self, rate_hz: float) -> None:
        self._period_s = 1 / rate_hz
        self._port = free_port()
        self._server: _Server | None = None
        self.hangs = threading.Event()
        """While it is set, connections stay open and nothing comes."""
        self.freezes = threading.Event()
        """While it is set, the same picture comes again and again."""
        self.raves = threading.Event()
        """While it is set, bytes come that are no pictures."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/line.mjpg"

    def plug(self) -> None:
        self._server = _Server(self._port, self._period_s, self)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def pull(self) -> None:
        assert self._server is not None
        self._server.cut()
        self._server.shutdown()
        self._server.server_close()
        self._server = None
