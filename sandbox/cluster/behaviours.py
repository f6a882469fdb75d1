"""How pods fare: normally, in a crash loop, without their image, slowly, or up and down."""

import re
import threading
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from countersign.errors import InvalidInput


class Conduct(StrEnum):
    """What becomes of a container once its pod is on a node."""

    NORMAL = "normal"
    CRASH_LOOP = "crash_loop"
    IMAGE_PULL = "image_pull"
    """The image cannot be pulled."""
    SLOW = "slow"
    """Ready after `seconds`."""
    FLAPPING = "flapping"
    """Ready, not ready, ready … changing every `seconds`."""
    FAILS = "fails"
    """Ends with exit code 1 (jobs)."""


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """A conduct for the containers whose image, and whose pod's name, contain the patterns."""

    conduct: Conduct
    image: str = ""
    """A regular expression."""
    pod: str = ""
    """A regular expression for "namespace/name"."""
    seconds: float = 2.0

    def to_json(self) -> dict[str, Any]:
        """Return the behaviour as JSON values."""
        return asdict(self)


BY_IMAGE = (
    Behaviour(conduct=Conduct.IMAGE_PULL, image=r":broken|:missing|does-not-exist|bad"),
    Behaviour(conduct=Conduct.CRASH_LOOP, image=r"crash"),
    Behaviour(conduct=Conduct.SLOW, image=r":slow"),
    Behaviour(conduct=Conduct.FLAPPING, image=r":flap", seconds=0.5),
    Behaviour(conduct=Conduct.FAILS, image=r":fails"),
)
"""What an image's name says by itself."""


def behaviour_from_json(value: Any) -> Behaviour:
    """Read a behaviour. Raises InvalidInput."""
    try:
        found = Behaviour(**{**value, "conduct": Conduct(value.get("conduct"))})
        re.compile(found.image), re.compile(found.pod)
    except (TypeError, ValueError, AttributeError, re.error) as error:
        raise InvalidInput(f"conduct: {error}", hint=", ".join(Conduct)) from None
    return found


class BehaviourBook:
    """The behaviours that were set, before those by image. Any thread may change it."""

    def __init__(self) -> None:
        self._set: list[Behaviour] = []
        self._lock = threading.Lock()

    def add(self, behaviour: Behaviour) -> None:
        """Set a behaviour; the newest one that matches wins."""
        with self._lock:
            self._set.insert(0, behaviour)

    def clear(self) -> None:
        """Forget what was set."""
        with self._lock:
            self._set.clear()

    def all(self) -> list[Behaviour]:
        """Return what was set, newest first."""
        with self._lock:
            return list(self._set)

    def of(self, image: str, pod: str) -> Behaviour:
        """Return how a container with that image fares in the pod "namespace/name"."""
        for behaviour in (*self.all(), *BY_IMAGE):
            if re.search(behaviour.image, image) and re.search(behaviour.pod, pod):
                return behaviour
        return Behaviour(conduct=Conduct.NORMAL)
