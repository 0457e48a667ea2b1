"""The container's socket, which it opens itself."""

import socket

from bridge.container.__main__ import listening_socket


def test_an_answer_on_a_kept_connection_does_not_wait_for_the_callers_acknowledgement() -> None:
    with listening_socket("127.0.0.1", 0) as listening, socket.create_connection(listening.getsockname()):
        connection, _ = listening.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
