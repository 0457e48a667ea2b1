"""Every refusal of the broker, with its name on AMQP and its status over HTTP and `$management`."""


class RefusedError(Exception):
    """A request that the broker turns down."""

    condition = "amqp:internal-error"
    status = 500


class BadRequestError(RefusedError):
    """The request itself is wrong."""

    condition = "com.microsoft:argument-error"
    status = 400


class UnauthorizedError(RefusedError):
    """No token, or none that covers the queue."""

    condition = "amqp:unauthorized-access"
    status = 401


class TooLargeError(RefusedError):
    """More bytes than one send may have."""

    condition = "amqp:link:message-size-exceeded"
    status = 403


class QueueNotFoundError(RefusedError):
    """No queue of this name."""

    condition = "amqp:not-found"
    status = 404


class MessageNotFoundError(RefusedError):
    """No scheduled message has this sequence number."""

    condition = "com.microsoft:message-not-found"
    status = 404


class LockLostError(RefusedError):
    """The lock has expired, or the message is settled already."""

    condition = "com.microsoft:message-lock-lost"
    status = 410

    def __init__(self) -> None:
        super().__init__(
            "The lock supplied is invalid. Either the lock expired, "
            "or the message has already been removed from the queue."
        )


class NotOfferedError(RefusedError):
    """Something that Service Bus can do and this emulator cannot."""

    condition = "amqp:not-implemented"
    status = 501

    def __init__(self, what: str) -> None:
        super().__init__(f"{what}: not implemented by this emulator")


class ServerBusyError(RefusedError):
    """Throttled."""

    condition = "com.microsoft:server-busy"
    status = 503

    def __init__(self) -> None:
        super().__init__("The request was terminated because the entity is being throttled. Error code : 50009.")


class DroppedConnectionError(Exception):
    """Not a refusal: the peer is to lose its connection without an answer."""
