"""What holds of a WebSocket whatever happens: random clients, apps, Workers' deaths, saves and reloads."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from devserver.master.http.websocket_commands import (
    AcceptClient,
    CloseClient,
    Command,
    Deliver,
    DetachRun,
    Lost,
    Offer,
    RefuseClient,
    Remember,
    ReportClientLeft,
)
from devserver.master.http.websocket_inbox import MOST_AHEAD
from devserver.master.http.websocket_session import MOST_DEATHS, REJECTED, WebSocketSession

RESTART = CloseClient(1012, "service restart")
SELDOM = st.sampled_from([False] * 9 + [True])
"""For what ends a conversation: most of it is to be seen first."""


@dataclass
class Run:
    """The app on one Worker."""

    generation: int
    resumed: bool
    next: int
    """The message that it is to be given next."""
    accepted: bool = False
    taken: int = 0
    has_sent: bool = False
    answered: bool = False
    hung_up: bool = False
    told: bool = False

    @property
    def unanswered(self) -> bool:
        """Return whether its end may not be the app's wish: it may have missed what came first."""
        return self.resumed and not self.answered and self.taken <= 1


class World(RuleBasedStateMachine):
    """Plays the client, the Workers and the files, and checks each command."""

    @initialize(resumable=st.sampled_from([True, True, True, False]))
    def begin(self, resumable: bool) -> None:
        self.resumable = resumable
        self.pending: set[int] = set()
        self.newest = 0
        self.live = 1
        self.session = WebSocketSession(
            resumable, lambda stamp: stamp not in self.pending, lambda: self.barred
        )
        self.offered: Offer | None = Offer(resumed=False)
        self.run: Run | None = None
        self.said: list[int] = []
        """The stamp of each message; its text is its number."""
        self.taken = 0
        self.accepts = 0
        self.deaths = self.deaths_in_a_row = 0
        self.closed = self.client_left = self.restarting = self.barred = False
        self.dropped = 0
        """Messages that were named as lost with a close of ours."""

    def do(self, commands: list[Command]) -> None:
        for command in commands:
            self.carry_out(command)

    def carry_out(self, command: Command) -> None:
        match command:
            case Offer(resumed=resumed):
                assert self.run is None, "nothing overlaps"
                assert self.offered is None
                assert not self.closed
                assert resumed == (self.accepts > 0)
                assert self.resumable or not resumed
                self.offered = command
            case Deliver():
                self.deliver(command)
            case DetachRun():
                assert self.run is not None
                assert not self.run.told, "told once"
                self.run.told = True
            case ReportClientLeft():
                assert self.run is not None
                assert self.client_left
            case AcceptClient():
                assert not self.closed
                self.accepts += 1
            case CloseClient() | RefuseClient():
                assert not self.closed, "closed once"
                assert (self.accepts > 0) == isinstance(command, CloseClient)
                self.closed = True
                self.restarting = command == RESTART
            case Remember():
                assert not self.closed
            case Lost(what=what, reason=reason):
                assert not self.closed or self.restarting
                if "1012" in reason:
                    self.dropped += int(what.split()[0].replace("a", "1"))

    def deliver(self, message: Deliver) -> None:
        run = self.run
        assert run is not None
        assert not self.closed
        assert not run.told, "nothing new for the old code"
        assert run.generation == self.live
        assert message == Deliver(b"%d" % run.next, True), "in order, once"
        assert self.said[run.next] not in self.pending, "not before its edit is settled"
        run.next += 1
        assert run.next - self.taken <= MOST_AHEAD

    def running(self) -> Run:
        assert self.run is not None
        return self.run

    # the client

    @precondition(lambda self: self.accepts and not self.client_left and not self.session.full)
    @rule(count=st.sampled_from([1, 1, 2, 70]))
    def client_sends(self, count: int) -> None:
        for _ in range(count):
            if self.closed:
                assert self.session.on_client_message(self.newest, b"too late", True) == []
                return
            self.said.append(self.newest)
            self.do(self.session.on_client_message(self.newest, b"%d" % (len(self.said) - 1), True))

    @precondition(lambda self: not self.client_left)
    @rule(really=SELDOM)
    def leaves(self, really: bool) -> None:
        if really:
            self.client_left = True
            self.do(self.session.on_client_left(1005, ""))
            self.closed = True
            self.offered = None

    # the files

    @rule()
    def saves(self) -> None:
        self.newest += 1
        self.pending.add(self.newest)

    @precondition(lambda self: self.pending)
    @rule(good=st.booleans(), data=st.data())
    def settles(self, good: bool, data: st.DataObject) -> None:
        self.settle(data.draw(st.sampled_from(sorted(self.pending))), good)

    @rule()
    def reloads(self) -> None:
        self.saves()
        self.settle(self.newest, good=True)

    def settle(self, edit: int, good: bool) -> None:
        self.pending.remove(edit)
        if good:
            self.live += 1
            self.do(self.session.on_code_live())
        self.do(self.session.deliver())

    # the Workers

    @precondition(lambda self: self.offered)
    @rule(accepts=st.booleans())
    def starts(self, accepts: bool = False) -> None:
        assert self.offered is not None
        self.run = Run(self.live, self.offered.resumed, self.taken)
        self.offered = None
        self.do(self.session.on_run_started())
        if accepts:
            self.accepts_it(None)

    @precondition(lambda self: self.run and not self.run.accepted and not self.run.hung_up)
    @rule(subprotocol=st.sampled_from([None, None, None, "chat"]))
    def accepts_it(self, subprotocol: str | None) -> None:
        run = self.running()
        run.accepted = True
        if not run.resumed:
            self.resumable = self.resumable and subprotocol is None
        self.do(self.session.on_app_accepted(subprotocol, []))

    @precondition(lambda self: self.run and self.taken < self.run.next)
    @rule(count=st.sampled_from([1, 1, 3, 64]))
    def takes(self, count: int) -> None:
        run = self.running()
        for _ in range(min(count, run.next - self.taken)):
            if not self.closed or self.restarting:
                self.taken += 1
            run.taken += 1
            self.do(self.session.on_app_received())

    @precondition(lambda self: self.run and self.run.accepted and not self.run.hung_up)
    @rule()
    def speaks(self) -> None:
        run = self.running()
        run.has_sent = True
        run.answered = run.answered or run.taken > 0
        assert self.session.on_app_sent() == (not self.closed), "whatever the app says while it may, is heard"

    @precondition(lambda self: self.run and not self.run.hung_up)
    @rule(code=st.sampled_from([1000, 1008, 4000]), really=SELDOM)
    def hangs_up(self, code: int, really: bool) -> None:
        if not really:
            return
        run, was_closed = self.running(), self.closed
        run.hung_up = True
        commands = self.session.on_app_closed(code if run.accepted else REJECTED, "")
        self.do(commands)
        if was_closed or (self.accepts and run.told and not run.accepted):
            assert commands == []
            return
        assert self.closed
        if run.accepted:
            assert commands[-1] == CloseClient(code), "the app's own code, whenever it closes"
            assert (len(commands) == 2) == (run.unanswered and code != 1000)
        elif self.accepts:
            assert self.restarting

    @precondition(lambda self: self.run)
    @rule(failed=st.booleans(), really=SELDOM)
    def ends(self, failed: bool, really: bool = True) -> None:
        run, was_closed = self.running(), self.closed
        if not (run.told or really):
            return
        self.run = None
        commands = self.session.on_app_returned(failed)
        self.do(commands)
        if was_closed:
            assert all(isinstance(command, Lost) for command in commands)
        elif run.told:
            assert self.restarting if self.barred else commands == [Offer(resumed=True)]
        else:
            assert self.closed
            unasked = run.resumed and not run.taken and (failed or not run.has_sent or not run.accepted)
            assert self.restarting == (unasked or (run.resumed and not run.accepted))
        self.nothing_is_dropped_in_silence()

    @precondition(lambda self: self.run)
    @rule()
    def dies(self) -> None:
        was_closed, run = self.closed, self.running()
        if self.accepts and self.resumable and not was_closed:
            self.deaths_in_a_row = 0 if run.taken or run.has_sent else self.deaths_in_a_row + 1
        self.run = None
        self.deaths += not self.accepts
        self.do(self.session.on_worker_died("killed"))
        if not was_closed:
            worn_out = run.resumed and self.deaths_in_a_row >= MOST_DEATHS
            gone = self.accepts > 0 and (not self.resumable or self.barred or worn_out)
            assert self.closed == (gone or (not self.accepts and self.deaths == 2))
        self.nothing_is_dropped_in_silence()

    def nothing_is_dropped_in_silence(self) -> None:
        """Once a close of ours is over, each message was taken or is named as lost."""
        if self.restarting:
            assert self.taken + self.dropped == len(self.said)

    @rule(barred=st.sampled_from([False, False, True]))
    def another_could_not_go_on(self, barred: bool) -> None:
        self.barred = barred

    # What holds

    @invariant()
    def closed_is_the_end(self) -> None:
        """And nothing but a close or a client that leaves ends it."""
        if hasattr(self, "session"):
            assert (self.session.phase == "closed") == self.closed
            assert self.accepts <= 1
            assert self.closed or self.run or self.offered, "somebody has it, or will"

    @invariant()
    def old_code_is_told(self) -> None:
        """Except in a handshake: that is the old code's to finish."""
        if hasattr(self, "session") and self.run and not self.closed and self.accepts:
            assert self.run.told == (self.run.generation < self.live)

    def teardown(self) -> None:
        """Once it is quiet, the app has received each message."""
        if not hasattr(self, "session"):
            return
        while self.pending:
            self.pending.pop()
            self.do(self.session.deliver())
        while not self.closed:
            if self.run is None:
                self.starts()
            run = self.running()
            if run.told:
                self.ends(failed=False)
                continue
            if not run.accepted:
                self.accepts_it(None)
            while run.next > self.taken and not self.closed:
                self.takes(1)
            if not run.told:
                break
        if not self.closed:
            assert self.taken == len(self.said)


World.TestCase.settings = settings(max_examples=100, stateful_step_count=50, deadline=None)
TestWorld = World.TestCase
