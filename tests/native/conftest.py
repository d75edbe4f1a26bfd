"""A `pbx run` of its own for a module of tests, on ports the system chooses."""

import contextlib
import http.client
import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Running:
    """The process, its log, and requests to it."""

    def __init__(self, directory, extra="", proxy=""):
        self.directory = directory
        self.http_port = free_port()
        self.config = directory / "pbx.toml"
        self.write(extra, proxy)
        self.lines = []
        self._news = threading.Condition()
        self.process = None

    def write(self, extra="", proxy=""):
        self.config.write_text(
            f'http_addr = "127.0.0.1:{self.http_port}"\nrtp_start_port = 21000\nrtp_end_port = 21100\n{extra}\n'
            f'[proxy]\naddr = "127.0.0.1"\nudp_port = 0\ntcp_port = 0\n{proxy}\n'
            '[[proxy.user_backends]]\ntype = "memory"\n'
            'users = [{ username = "1001", password = "hush-hush-1" }, { username = "1002", password = "hush-hush-2" }]\n',
            encoding="utf-8",
        )

    def start(self):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pbx.cli.main", "run", "--config", str(self.config)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        ready = self.wait_line("event=ready")
        self.udp_port = int(re.search(r"udp:127\.0\.0\.1:(\d+)", ready)[1])
        return self

    def _read(self):
        for line in self.process.stderr:
            with self._news:
                self.lines.append(line.rstrip("\n"))
                self._news.notify_all()

    def wait_line(self, text, timeout=15.0, count=1):
        def found():
            return [line for line in self.lines if text in line][count - 1 :]

        with self._news:
            assert self._news.wait_for(found, timeout), "\n".join(self.lines)
            return found()[0]

    def stop(self, kind=signal.SIGTERM, timeout=10):
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(kind)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout)
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join()
        self.process.stderr.close()
        return self.process.returncode

    def request(self, method, path, body=None, headers=None, *, decode=True):
        """Status, decoded body and headers of one management request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=10)
        try:
            given = dict(headers or {})
            if body is not None and not isinstance(body, bytes):
                body = json.dumps(body).encode()
                given.setdefault("Content-Type", "application/json")
            connection.request(method, f"/ami/v1{path}", body, given)
            response = connection.getresponse()
            text = response.read()
            return response.status, json.loads(text) if text and decode else None, response.headers
        finally:
            connection.close()

    def get(self, path):
        status, body, _ = self.request("GET", path)
        assert status == 200, body
        return body

    def cli(self, *arguments):
        """Exit status and output of a `pbx` command aimed at this process."""
        done = subprocess.run(
            [sys.executable, "-m", "pbx.cli.main", *arguments, "--config", str(self.config)],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
            env={**__import__("os").environ, "COLUMNS": "200"},
        )
        return done.returncode, done.stdout + done.stderr

    def sip(self):
        return Phone(self.udp_port)


class Phone:
    """Just enough SIP to begin a call: one socket, text in, text out."""

    def __init__(self, server_port):
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(5)
        self._server = ("127.0.0.1", server_port)
        self.port = self._socket.getsockname()[1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()

    def send(self, method, user, number=1, headers="", to_tag="", body=""):
        kind = "Content-Type: application/sdp\r\n" if body else ""
        text = (
            f"{method} sip:{user}@127.0.0.1 SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP 127.0.0.1:{self.port};branch=z9hG4bK{self.port}x{number}\r\n"
            f"From: <sip:1001@127.0.0.1>;tag=t{self.port}\r\nTo: <sip:{user}@127.0.0.1>{to_tag}\r\n"
            f"Call-ID: call-{self.port}\r\nCSeq: {number} {method}\r\nMax-Forwards: 70\r\n"
            f"Contact: <sip:1001@127.0.0.1:{self.port}>\r\n{headers}{kind}Content-Length: {len(body)}\r\n\r\n{body}"
        )
        self._socket.sendto(text.encode(), self._server)

    def status(self, timeout=5.0):
        """Code of the next final response."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            code = int(self._socket.recv(65_535).split()[1])
            if code >= 200:
                return code
        raise AssertionError("no final response")


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    process = Running(tmp_path_factory.mktemp("pbx"), proxy='modules = ["acl", "registrar", "call"]').start()
    yield process
    process.stop()


@pytest.fixture
def make(tmp_path):
    """Starts further processes that the test may stop itself."""
    started = []

    def begin(**keys):
        process = Running(tmp_path, **keys)
        started.append(process)
        return process

    yield begin
    for process in started:
        process.stop()
