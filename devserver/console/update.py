"""Updates the console's model by an event: pure.

Law: a Worker that no WorkerStarted has named does not exist; an event about an exited one changes nothing.
"""

from __future__ import annotations

from dataclasses import replace

from devserver.common import events
from devserver.common.events import Event
from devserver.console.model import Error, LastFailure, Model, Process, Prompt, Save, Timeline, Worker
from devserver.console.requests import Traffic

MOST_LIVES = 8


def apply(view: Model, event: Event) -> Model:
    """Return the model after `event`; the very same object if the dashboard would not change."""
    match event:
        case events.Started():
            master = Process(pid=event.pid, started=event.at)
            return replace(view, target=event.target, root=event.root, master=master)
        case events.Ready() | events.Listening():
            return replace(view, listeners=event.listeners)
        case events.Connections():
            if (view.connections, view.waiting) == (event.open, event.waiting):
                return view
            return replace(view, connections=event.open, waiting=event.waiting)
        case events.Restored():
            return replace(view, error=None)
        case events.Stopping():
            return replace(view, stopping=event.reason or "asked to", pending={})
        case events.Stopped():
            return replace(view, exit_code=event.code, pending={})
        case events.Changed() | events.Checked() | events.Live() | events.Refused():
            return _reload(view, event)
        case events.Requests() | events.HandlerFailed():
            return _work(view, event)
        case events.ManagerStarted() | events.ManagerExited():
            return _manager(view, event)
        case events.Debugging():
            return _prompt(view, event)
    return _worker(view, event)


def _work(view: Model, event: events.Requests | events.HandlerFailed) -> Model:
    """Count the requests answered, and the failures of the live code."""
    if isinstance(event, events.Requests):
        failed = [each for each in event.requests if each.status >= 500]
        last = view.last_failure
        if failed:
            last = LastFailure(name=f"{failed[-1].method} {failed[-1].path} {failed[-1].status}")
        return replace(view, traffic=view.traffic.plus(event), last_failure=last)
    worker = view.workers.get(event.worker)
    if worker is not None and worker.generation < view.generation:
        return view
    # a request that got a 5xx for this failure was counted before
    traffic = view.traffic if event.status >= 500 else view.traffic.plus_failure()
    last = LastFailure(name=event.request, failure=event.failure)
    return replace(view, traffic=traffic, last_failure=last)


def clear_failures(view: Model) -> Model:
    """Return the model without the failures, which the user has seen."""
    if not view.traffic.failed:
        return view
    return replace(view, traffic=replace(view.traffic, failed=0))


def _prompt(view: Model, event: events.Debugging) -> Model:
    prompts = dict(view.prompts)
    before = prompts.pop(event.worker, None)
    if event.active:
        prompts[event.worker] = Prompt(
            worker=event.worker,
            since=before.since if before else event.at,
            path=event.path,
            line=event.line,
            what=event.what,
            how=event.how,
        )
    return view if prompts == view.prompts else replace(view, prompts=prompts)


def _reload(view: Model, event: events.Changed | events.Checked | events.Live | events.Refused) -> Model:
    match event:
        case events.Changed():
            save = Save(since=event.at, paths=event.paths)
            return replace(view, pending={**view.pending, event.edit: save})
        case events.Checked():
            pending = {edit: save for edit, save in view.pending.items() if edit != event.edit}
            return view if event.changed else replace(view, pending=pending)
        case events.Refused():
            error = Error(edit=event.edit, failures=event.failures)
            newest = view.error is None or event.edit >= view.error.edit
            return replace(view, pending=_after(event.edit, view), error=error if newest else view.error)
        case events.Live():
            timeline = Timeline(edit=event.edit, steps=event.steps, total=event.total_ms, paths=event.paths)
            return replace(
                view,
                generation=event.generation,
                lives=dict([*view.lives.items(), (event.generation, event.at)][-MOST_LIVES:]),
                pending=_after(event.edit, view),
                timeline=timeline,
                traffic=Traffic(),
                last_failure=None,
                error=view.error if view.error and view.error.edit > event.edit else None,
            )


def _after(edit: int, view: Model) -> dict[int, Save]:
    """Return the edits that are still pending: those that came later."""
    return {each: save for each, save in view.pending.items() if each > edit}


def _manager(view: Model, event: events.ManagerStarted | events.ManagerExited) -> Model:
    others = tuple(manager for manager in view.managers if manager.pid != event.pid)
    if isinstance(event, events.ManagerStarted):
        others = (*others, Process(pid=event.pid, started=event.at))
    return replace(view, managers=others)


def _worker(view: Model, event: Event) -> Model:
    match event:
        case events.WorkerStarted():
            worker = Worker(
                worker=event.worker,
                slot=event.slot,
                generation=event.generation,
                pid=event.pid,
                started=event.at,
            )
            return _with(view, worker)
        case events.Booting() if event.worker in view.workers:
            return replace(view, booting=event)
        case events.WorkerReady() | events.WorkerRetiring() | events.WorkerLoad():
            known = view.workers.get(event.worker)
            if isinstance(event, events.WorkerReady) and known is not None:
                view = replace(view, docs=event.docs, logs_requests=event.logs_requests)
            return view if known is None else _with(view, _progress(known, event))
        case events.WorkerExited() if event.worker in view.workers:
            workers = {number: worker for number, worker in view.workers.items() if number != event.worker}
            prompts = {number: prompt for number, prompt in view.prompts.items() if number != event.worker}
            return replace(view, workers=workers, prompts=prompts)
    return view


def _progress(
    worker: Worker, event: events.WorkerReady | events.WorkerRetiring | events.WorkerLoad
) -> Worker:
    match event:
        case events.WorkerReady():
            return replace(worker, state="idle") if worker.state == "booting" else worker
        case events.WorkerRetiring():
            return replace(worker, state="retiring")
        case events.WorkerLoad():
            state = worker.state
            if state in ("idle", "busy"):
                state = "busy" if event.running else "idle"
            return replace(worker, state=state, handled=event.handled, memory=event.memory)


def _with(view: Model, worker: Worker) -> Model:
    if view.workers.get(worker.worker) == worker:
        return view
    return replace(view, workers={**view.workers, worker.worker: worker})
