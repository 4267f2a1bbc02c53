"""Every error that devserver itself raises, in one tree; `cli` alone turns them into exit codes."""


class DevserverError(Exception):
    """Base of the tree. `str(error)` is one sentence for the user that says what to do."""


class UsageError(DevserverError):
    """The command cannot be carried out as given: exit code 2, no traceback."""


class TargetError(UsageError):
    """The target was not found, or holds nothing that can be served."""


class ListenError(UsageError):
    """An address that was asked for by name cannot be listened on."""


class FrameError(DevserverError):
    """The bytes of a connection break its protocol: that connection is closed, others are unaffected."""


class StateError(DevserverError, TypeError):
    """A value that cannot be kept in `conn.state`; the message names its key."""


class ConnectionGone(DevserverError):
    """The process at the other end of a channel has left."""


class NoMessage(ConnectionGone):
    """What came over a channel is no message: a fault of our own, after which nothing can be read."""


class IllegalEvent(DevserverError):
    """Something was reported that the state does not allow; nothing was changed by it."""
