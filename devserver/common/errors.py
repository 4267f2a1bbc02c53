"""The errors that devserver itself raises, in one tree; only `cli` turns them into exit codes."""


class DevserverError(Exception):
    """Base of the tree. `str(error)` is one sentence that shows the user what to do."""


class UsageError(DevserverError):
    """The command cannot be carried out as given: exit code 2, no traceback."""


class TargetError(UsageError):
    """The target was not found, or has no app or handlers."""


class ListenError(UsageError):
    """A named address cannot be listened on."""


class FrameError(DevserverError):
    """The bytes of a connection break its protocol: that connection is closed, others are unaffected."""


class StateError(DevserverError, TypeError):
    """A value that cannot be kept in `conn.state`; the message names its key."""


class ConnectionGone(DevserverError):
    """The process at the other end of a channel has exited."""


class NoMessage(ConnectionGone):
    """The channel received bytes that do not decode, perhaps written by the app. It is unusable."""


class IllegalEvent(DevserverError):
    """An event that the state does not allow; the state has not changed."""
