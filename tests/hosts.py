"""Hosts on this machine: each has its own network, processes, name and home folder, and an sshd.

Whoever ends a host ends all its processes, and `ray stop` on it sees no others.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TOOLS = ("ip", "unshare", "setpriv", "sshd", "ssh", "ssh-keygen", "rsync", "ss")
PATH = os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/sbin"])

_APART = ("unshare", "--mount", "--pid", "--uts", "--fork", "--mount-proc")


@dataclass
class Host:
    name: str
    address: str
    namespace: str
    home: Path
    processes: subprocess.Popen[bytes]  # the first of them

    @property
    def sshd(self) -> str:
        """Where it listens."""
        return f"{self.address}:22"

    @contextmanager
    def cut_off(self) -> Iterator[None]:
        """Inside, no packet reaches it and none leaves it."""
        _ip("link", "set", self.namespace, "down")
        try:
            yield
        finally:
            _ip("link", "set", self.namespace, "up")

    def end(self) -> None:
        """Ends all its processes."""
        self.processes.kill()
        self.processes.wait()

    def listeners(self) -> set[str]:
        """Where something listens, as address:port."""
        lines = _ip("netns", "exec", self.namespace, "ss", "-Hltn").splitlines()
        return {line.split()[3] for line in lines}


@dataclass
class Network:
    """Hosts, and where they reach this machine."""

    folder: Path
    gateway: str
    key: Path
    hosts: list[Host]

    def ssh(self, host: Host, command: str) -> list[str]:
        """The words that run a command there, in its home folder."""
        options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR"]
        given = [word for option in options for word in ("-o", option)]
        return ["ssh", "-n", *given, "-i", str(self.key), f"root@{host.address}", command]


@cache
def why_none() -> str:
    """Why there can be no hosts here; empty if there can be."""
    if missing := [tool for tool in TOOLS if not shutil.which(tool, path=PATH)]:
        return f"needs {', '.join(missing)}"
    probe = f"tjp{os.getpid()}"
    with ExitStack() as stack:
        try:
            _namespace(probe, stack)
            _bridge(probe, stack)
            subprocess.run([*_APART, "true"], check=True, capture_output=True)
        except subprocess.CalledProcessError as error:
            return f"needs namespaces: {error.stderr.decode().strip()}"
    return ""


@contextmanager
def network(count: int, **environment: str) -> Iterator[Network]:
    """Hosts with these variables in the environment of all that ssh starts."""
    with ExitStack() as stack:
        # Ray's sockets want short paths.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tj")))
        key = folder / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        bridge, subnet = f"tj{os.getpid()}", f"10.{100 + os.getpid() % 100}.77"
        _bridge(bridge, stack)
        _ip("address", "add", f"{subnet}.1/24", "dev", bridge)
        made = Network(folder, f"{subnet}.1", key, [])
        for number in range(count):
            address = f"{subnet}.{10 + number}"
            made.hosts.append(_host(stack, made, bridge, address, environment))
        yield made


def _host(
    stack: ExitStack, network: Network, bridge: str, address: str, environment: dict[str, str]
) -> Host:
    name = f"host{len(network.hosts)}"
    namespace, home = f"{bridge}{name}", network.folder / name
    home.mkdir()
    _namespace(namespace, stack)
    _ip("link", "add", namespace, "type", "veth", "peer", "name", "eth0", "netns", namespace)
    _ip("link", "set", namespace, "master", bridge, "up")
    for of in ("lo", "eth0"):
        _ip("-n", namespace, "link", "set", of, "up")
    _ip("-n", namespace, "address", "add", f"{address}/24", "dev", "eth0")
    _ip("-n", namespace, "route", "add", "default", "via", network.gateway)
    variables = {"HOME": str(home), "RAY_TMPDIR": str(home), **environment}
    host = Host(name, address, namespace, home, _sshd(network, namespace, address, home, variables))
    stack.callback(host.end)
    wait_until(lambda: host.sshd in host.listeners())
    return host


def _sshd(
    network: Network, namespace: str, address: str, home: Path, variables: dict[str, str]
) -> subprocess.Popen[bytes]:
    """The first process of a host. It ends with the one that started it, and all others with it."""
    name = home.name
    config, host_key = network.folder / f"{name}.conf", network.folder / f"{name}.key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", host_key], check=True)
    quoted = " ".join(f'"{key}={value}"' for key, value in variables.items())
    config.write_text(
        f"""ListenAddress {address}
HostKey {host_key}
AuthorizedKeysFile {network.key}.pub
PidFile none
StrictModes no
UsePAM no
PermitRootLogin prohibit-password
PasswordAuthentication no
SetEnv {quoted}
"""
    )
    begin = (
        f"hostname {name} && mount -t tmpfs tmpfs /run && mkdir /run/sshd && "
        f"exec {shutil.which('sshd', path=PATH)} -D -f {config}"
    )
    inside = ["setpriv", "--pdeathsig", "KILL", "ip", "netns", "exec", namespace, *_APART]
    with (network.folder / f"{name}.log").open("wb") as log:
        return subprocess.Popen(
            [*inside, "--kill-child", "sh", "-c", begin],
            env={**os.environ, "PATH": PATH},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )


def _namespace(name: str, stack: ExitStack) -> None:
    _ip("netns", "add", name)
    stack.callback(_ip, "netns", "del", name)


def _bridge(name: str, stack: ExitStack) -> None:
    _ip("link", "add", name, "type", "bridge")
    stack.callback(_ip, "link", "del", name)
    _ip("link", "set", name, "up")


def _ip(*arguments: str) -> str:
    environment = {**os.environ, "PATH": PATH}
    done = subprocess.run(["ip", *arguments], check=True, capture_output=True, env=environment)
    return done.stdout.decode()


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
