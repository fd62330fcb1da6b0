"""moto's S3 in this process; it can go away and come back."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from unittest.mock import patch
from urllib.request import Request, urlopen
from uuid import uuid4

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "a-key",
    "AWS_SECRET_ACCESS_KEY": "a-secret",
    "AWS_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",  # nothing is asked outside
}


class S3Server:
    """A server that keeps its address, and all that it was given, when it is stopped."""

    def __init__(self, host: str) -> None:
        self._host, self._port = host, 0
        self.start()

    @property
    def url(self) -> str:
        return f"http://{self._host}:{self._port}"

    def start(self) -> None:
        from moto.server import ThreadedMotoServer

        self._server = ThreadedMotoServer(self._host, self._port, verbose=False)
        self._server.start()
        self._port = self._server.get_host_and_port()[1]

    def stop(self) -> None:
        self._server.stop()

    def new_bucket(self) -> str:
        """The URL of an empty one."""
        name = f"bucket-{uuid4().hex}"
        urlopen(Request(f"{self.url}/{name}", method="PUT")).close()
        return f"s3://{name}"

    def age(self, bucket: str, prefix: str, seconds: float) -> None:
        """Makes what is in a bucket under this prefix older, as if time had passed."""
        from moto.s3.models import s3_backends

        backend = s3_backends["123456789012"]["aws"]
        for name, key in backend.buckets[bucket.removeprefix("s3://")].keys.items():
            if name.startswith(prefix):
                key.last_modified -= timedelta(seconds=seconds)


@contextmanager
def s3_server(host: str = "127.0.0.1") -> Iterator[S3Server]:
    """A server that is what $AWS_ENDPOINT_URL names meanwhile, here and in child processes."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # it tells every request
    server = S3Server(host)
    with patch.dict(os.environ, CREDENTIALS, AWS_ENDPOINT_URL=server.url):
        yield server
    server.stop()
