"""A proxy in front of a cluster's API that loses one request on its way there, or one answer on its way back."""

from enum import Enum

from tests.targets.passing import PassingProxy, Reply, Request


class Loss(Enum):
    REQUEST = "the request never arrives"
    ANSWER = "the request has its effect, its answer is lost"


class LossyProxy(PassingProxy):
    """Passes everything on; after `lose`, the next write (dry runs apart) meets that loss. A context manager."""

    def __init__(self, kubeconfig: str) -> None:
        super().__init__(kubeconfig)
        self._loss: Loss | None = None
        self.writes: list[tuple[str, str]] = []
        """Method and path of every write that reached the cluster, dry runs apart."""
        self.requests: list[tuple[str, str, bytes]] = []
        """Method, path with its query, and body of everything that came."""

    def lose(self, loss: Loss) -> None:
        self._loss = loss

    def answer(self, request: Request) -> Reply | None:
        self.requests.append((request.method, request.target, request.body))
        loss, self._loss = (self._loss, None) if request.is_write else (None, self._loss)
        if loss is Loss.REQUEST:
            return None
        if request.is_write:
            self.writes.append((request.method, request.path))
        reply = self.deliver(request)
        return None if loss is Loss.ANSWER else reply
