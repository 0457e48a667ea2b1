"""Ports of the laptop stack: chosen before a server listens there, and kept for it until then and in outages."""

import socket
import sys

import pytest

from bridge.local.processes import free_port

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a bound socket would keep our servers out")


def test_a_chosen_port_is_nobody_elses() -> None:
    port = free_port()

    with socket.socket() as stranger, pytest.raises(OSError, match="in use"):
        stranger.bind(("127.0.0.1", port))
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_a_server_may_come_there_go_and_come_again() -> None:
    port = free_port()

    for _ in range(2):
        with socket.create_server(("127.0.0.1", port)), socket.create_connection(("127.0.0.1", port)):
            pass


def test_two_servers_do_not_listen_at_one_port_by_accident() -> None:
    port = free_port()

    with socket.create_server(("127.0.0.1", port)), pytest.raises(OSError, match="in use"):
        socket.create_server(("127.0.0.1", port))
