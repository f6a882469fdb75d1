"""Asking once: a request is sent again with the same idempotency key until it is told what became of it."""

import asyncio
import random
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

ANSWER_SECONDS: Final = 60.0
"""For one try; a question that waits for an end takes a part of it."""
PATIENCE_SECONDS: Final = 240.0
"""For all tries of one request: a process that is killed again and again comes back within seconds."""
AGAIN: Final = frozenset({429, 502, 503, 504})
PAUSES: Final = (0.1, 1.0)
"""Seconds between two tries."""


@dataclass
class Tally:
    """What all clients have seen."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """How long tries took that were answered, by what was asked."""
    silent: Counter[str] = field(default_factory=Counter)
    """Tries without an answer, by what was asked."""
    told_later: Counter[str] = field(default_factory=Counter)
    """Tries that were told to come again, by what they were told."""
    replayed: int = 0
    """Answers that an earlier try had earned, whose answer was lost."""
    mistakes: list[str] = field(default_factory=list)
    """Answers that nobody should get."""
    unanswered: list[str] = field(default_factory=list)
    """Requests of which nobody was ever told what became."""

    @property
    def answered(self) -> int:
        """How many tries were answered."""
        return sum(map(len, self.seconds.values()))


@dataclass(frozen=True)
class Asking:
    """One client of the API."""

    http: httpx.AsyncClient
    token: str
    tally: Tally
    chance: random.Random

    async def get(self, what: str, path: str, **query: Any) -> Any:
        """Return what is at `path`; None where nobody was told."""
        return await self._ask(what, "GET", path, params=query)

    async def post(
        self, what: str, path: str, body: Any, *, key: str, by: str | None = None, known: frozenset[str]
    ) -> Any:
        """Have something done once; `by` is another one's token. Return None where nobody was told, or where the
        answer is one of the refusals that are `known` to be right.
        """
        headers = {"Idempotency-Key": key, **({"Authorization": f"Bearer {by}"} if by else {})}
        return await self._ask(what, "POST", path, json=body, headers=headers, known=known)

    async def _ask(
        self, what: str, method: str, path: str, *, known: frozenset[str] = frozenset(), **request: Any
    ) -> Any:
        headers = {"Authorization": f"Bearer {self.token}", **request.pop("headers", {})}
        give_up, lost = time.monotonic() + PATIENCE_SECONDS, False
        while time.monotonic() < give_up:
            began = time.monotonic()
            try:
                answer = await self.http.request(method, path, headers=headers, **request)
            except httpx.TransportError:
                self.tally.silent[what] += 1
                lost = True
            else:
                code = "" if answer.is_success else _code(answer)
                if answer.status_code in AGAIN or code == "still_running":
                    self.tally.told_later[f"{answer.status_code} {code}"] += 1
                    await asyncio.sleep(self.chance.uniform(*PAUSES))
                    continue
                self.tally.seconds[what].append(time.monotonic() - began)
                if answer.is_success:
                    self.tally.replayed += lost and "idempotent-replayed" in answer.headers
                    return answer.json()
                if code not in known:
                    self.tally.mistakes.append(f"{what} {path}: {answer.status_code} {answer.text[:300]}")
                return None
            await asyncio.sleep(self.chance.uniform(*PAUSES))
        self.tally.unanswered.append(f"{what} {path} {request.get('json', '')}")
        return None


def _code(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["code"])
    except (ValueError, KeyError, TypeError):
        return ""
