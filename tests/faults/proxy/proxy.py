"""The proxy that meets one request of an execution with a fault, and remembers every one that it saw."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import wraps
from typing import Any

import pytest

from countersign.targets.kubernetes.target import KubernetesTarget
from tests.faults.proxy.faults import EVERY_ATTEMPT_LATE, HELD, Delivery, Fault, Silence
from tests.faults.proxy.places import QUESTIONS, Place, place_of
from tests.targets.passing import PassingProxy, Reply, Request


class AdversarialProxy(PassingProxy):
    """Passes on what meets nothing. `subject` is the path of the operation's object, `older` what it was earlier."""

    def __init__(self, kubeconfig: str, *, subject: str, older: Any) -> None:
        super().__init__(kubeconfig)
        self.question = ""
        """What the target is being asked."""
        self.seen: list[Place] = []
        self.met: list[Place] = []
        self._subject, self._older = subject, older
        self._faults: list[tuple[Place, Fault]] = []
        self._after: Fault | None = None
        self._held: list[tuple[Delivery, Request]] = []
        self._over = threading.Event()
        self._lock = threading.Lock()

    def meet(self, place: Place, fault: Fault) -> None:
        """Have the next request at `place` meet `fault`."""
        self._faults.append((place, fault))

    def end(self) -> None:
        """Deliver what is still held, and let go whoever waits for an answer."""
        self._over.set()
        self._let_go(*HELD)
        self._after = None

    def answer(self, request: Request) -> Reply | None:
        place = place_of(request, question=self.question, subject=self._subject)
        self.seen.append(place)
        fault = self._fault_at(place)
        if request.is_write:
            self._let_go(Delivery.BEFORE_RETRY, Delivery.BEFORE_INSPECTION)
        elif place.question == "inspect":
            self._let_go(Delivery.BEFORE_INSPECTION)
        if fault is None:
            return self.deliver(request)
        self.met.append(place)
        true = self._delivered(request, fault.delivery)
        if fault.answer is Silence.LATE:
            self._over.wait()
            return None
        if fault.answer is Silence.RESET:
            return None
        assert not isinstance(fault.answer, Silence)
        return fault.answer(true or self._as_if_delivered(request), self._older)

    def _fault_at(self, place: Place) -> Fault | None:
        with self._lock:
            if self._after is not None:
                return self._after
            for entry in self._faults:
                if entry[0] == place:
                    fault = entry[1]
                    if fault is not EVERY_ATTEMPT_LATE:
                        self._faults.remove(entry)
                    if fault.lasting:
                        self._after = replace(fault, delivery=Delivery.NEVER)
                    return fault
        return None

    def _delivered(self, request: Request, delivery: Delivery) -> Reply | None:
        match delivery:
            case Delivery.ONCE:
                return self.deliver(request)
            case Delivery.TWICE:
                self.deliver(request)
                return self.deliver(request)
            case Delivery.AND_A_LATE_COPY:
                self._hold(Delivery.AT_THE_END, request)
                return self.deliver(request)
            case Delivery.NEVER:
                return None
            case _:
                self._hold(delivery, request)
                return None

    def _as_if_delivered(self, request: Request) -> Reply:
        """Return what the API server would answer, from requests without an effect."""
        if not request.is_write:
            return self.deliver(request)
        if request.method == "PATCH" or place_of(request, question="", subject="").what == "create":
            return self.deliver(replace(request, query=f"{request.query}&dryRun=All"))
        path = request.path.removesuffix("/eviction")
        headers = {key: value for key, value in request.headers.items() if key.lower() != "content-type"}
        read = self.deliver(Request("GET", path, "", headers, b""))
        body = json.loads(read.body)
        body["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        return replace(read, body=json.dumps(body).encode())

    def _hold(self, until: Delivery, request: Request) -> None:
        with self._lock:
            self._held.append((until, request))

    def _let_go(self, *until: Delivery) -> None:
        with self._lock:
            due = [request for when, request in self._held if when in until]
            self._held = [entry for entry in self._held if entry[0] not in until]
        for request in due:
            self.deliver(request)


@contextmanager
def told_the_questions(proxy: AdversarialProxy) -> Iterator[None]:
    """Let the proxy know which question the target is being asked; the target answers as ever."""
    with pytest.MonkeyPatch.context() as patch:
        for question in QUESTIONS:
            patch.setattr(KubernetesTarget, question, _told(proxy, question, getattr(KubernetesTarget, question)))
        yield


def _told(proxy: AdversarialProxy, question: str, asked: Any) -> Any:
    @wraps(asked)
    def tell(*args: Any, **kwargs: Any) -> Any:
        before, proxy.question = proxy.question, question
        try:
            return asked(*args, **kwargs)
        finally:
            proxy.question = before

    return tell
