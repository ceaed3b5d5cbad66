"""A proxy before a broker, which holds a request, loses it, or lets it come late."""

import select
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kafka import KafkaBroker
from process import free_ports

# Requests, by the numbers of Kafka's protocol.
CREATE_TOPICS = 19
END_TXN = 26


class Listener:
    """Accepts connections on a port of loopback (0: any), and serves each in a thread."""

    def __init__(self, port: int = 0) -> None:
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", port))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        raise NotImplementedError


class Proxy(Listener):
    """A TCP proxy before a broker. While `mode` is set, the next request of its kind is

    delay  held for `seconds`, with everything behind it on its connection
    drop   thrown away with its connection
    late   held, its connection to the client ended at once, and delivered to the broker after
    `seconds`
    """

    def __init__(self, port: int, broker_port: int, kind: int = END_TXN) -> None:
        self.kind = kind
        self.mode = ""
        self.seconds = 0.0
        self.hits = 0
        self._broker_port = broker_port
        self._lock = threading.Lock()
        super().__init__(port)

    def _take_mode(self, request: bytes) -> str:
        (api_key,) = struct.unpack(">h", request[4:6])
        with self._lock:
            if api_key != self.kind or not self.mode:
                return ""
            mode, self.mode = self.mode, ""
            self.hits += 1
            return mode

    def _serve(self, client: socket.socket) -> None:
        try:
            broker = socket.create_connection(("127.0.0.1", self._broker_port))
        except OSError:
            client.close()
            return
        pending = b""
        with client, broker:
            try:
                while True:
                    ready, _, _ = select.select([client, broker], [], [])
                    if broker in ready:
                        data = broker.recv(65536)
                        if not data:
                            return
                        client.sendall(data)
                    if client in ready:
                        data = client.recv(65536)
                        if not data:
                            return
                        pending = self._forward(pending + data, client, broker)
            except OSError:
                return

    def _forward(self, data: bytes, client: socket.socket, broker: socket.socket) -> bytes:
        """Sends on what is whole; returns the rest."""
        while len(data) >= 6 and len(data) >= 4 + struct.unpack(">i", data[:4])[0]:
            size = 4 + struct.unpack(">i", data[:4])[0]
            request, data = data[:size], data[size:]
            mode = self._take_mode(request)
            if mode == "drop":
                raise OSError("dropped")
            if mode == "late":
                client.shutdown(socket.SHUT_RDWR)
                time.sleep(self.seconds)
                broker.sendall(request)
                time.sleep(0.5)
                raise OSError("delivered late")
            if mode == "delay":
                time.sleep(self.seconds)
            broker.sendall(request)
        return data


@contextmanager
def proxied(directory: Path, kind: int = END_TXN) -> Iterator[tuple[KafkaBroker, Proxy, str]]:
    """A broker that tells its clients the proxy's address, where they come in by it."""
    inner, outer = free_ports(2)
    config = {
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,"
        "CONTROLLER:PLAINTEXT,PROXIED:PLAINTEXT",
        "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
    }
    broker = KafkaBroker(directory, config)
    broker.add_listener("PROXIED", inner, outer)
    proxy = Proxy(outer, inner, kind)
    try:
        with broker:
            yield broker, proxy, f"127.0.0.1:{outer}"
    finally:
        proxy.close()
