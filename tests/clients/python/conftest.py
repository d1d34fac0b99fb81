"""The connection that each test gets, on an empty server."""

import os

import pytest
import redis

HOST = os.environ["SANDERLING_TEST_HOST"]
PORT = int(os.environ["SANDERLING_TEST_PORT"])


@pytest.fixture
def connect():
    """Opens clients that are closed with the test."""
    clients = []

    def open_client(**options):
        client = redis.Redis(host=HOST, port=PORT, socket_timeout=20, **options)
        clients.append(client)
        return client

    yield open_client
    for client in clients:
        client.close()


@pytest.fixture
def r(connect):
    client = connect(db=0)
    client.flushall()
    return client
