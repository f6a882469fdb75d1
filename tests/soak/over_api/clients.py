"""What each client does, over and over: it files a request, has it signed, starts it, and waits for its end."""

import base64
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from countersign.policy.keys import key_id_of
from tests.soak.over_api.asking import Asking
from tests.soak.work import DEPLOYMENTS, NAMESPACES

SIGNER: Final = "alice"
ENDED: Final = frozenset({"executed", "failed", "rejected", "expired", "cancelled"})
WAIT_SECONDS: Final = 20.0
BY_HAND_SHARE: Final = 0.5
"""Of the requests, how many a client starts itself; the others start once they are signed."""


@dataclass
class Told:
    """One request, and what its client was told of it."""

    key: str
    requester: str
    action: str
    incident_id: str
    by_hand: bool
    approval_id: str | None = None
    signed: bool = False
    status: str | None = None
    """The last one that it was told."""
    outcome: str | None = None


@dataclass
class Desk:
    """Everything that clients have asked for, in their order."""

    key: Ed25519PrivateKey
    """The signer's."""
    signer_token: str
    told: list[Told] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=count)


async def client(
    asking: Asking, desk: Desk, name: str, going_on: Callable[[], bool], ends_at: Callable[[], float]
) -> None:
    """Ask while it goes on, and for what was asked last until `ends_at`."""
    while going_on():
        one = _wanted(desk, name, asking.chance)
        desk.told.append(one)
        await _file(asking, one)
        if one.approval_id is None or not await _sign(asking, desk, one):
            continue
        if one.by_hand:
            # Whoever signs last may have started it, too; then it is said to be under way, or over.
            started = frozenset({"not_approved", "invalid_input"})
            path = f"/v1/approvals/{one.approval_id}/execute"
            await asking.post("execute", path, {}, key=f"{one.key}-execute", known=started)
        while time.monotonic() < ends_at():
            found = await asking.get("wait", f"/v1/approvals/{one.approval_id}", wait=WAIT_SECONDS)
            if found is None:
                break
            one.status, one.outcome = found["status"], found["outcome"]
            if one.status in ENDED:
                break


def _wanted(desk: Desk, name: str, chance: random.Random) -> Told:
    number = next(desk.numbers)
    deployment, namespace = chance.choice(DEPLOYMENTS), chance.choice(NAMESPACES)
    action = chance.choice(
        (
            f"kubectl annotate deployment/{deployment} soak=run-{number} -n {namespace} --overwrite",
            f"kubectl label deployment/{deployment} soak=run-{number} -n {namespace} --overwrite",
            f"kubectl set env deployment/{deployment} SOAK=run-{number} -n {namespace}",
            f"kubectl rollout restart deployment/{deployment} -n {namespace}",
        )
    )
    return Told(f"k-{number}-{uuid4().hex}", name, action, f"INC-{uuid4()}", chance.random() < BY_HAND_SHARE)


async def _file(asking: Asking, one: Told) -> None:
    body = {
        "action": one.action,
        # By this each request is found again, whatever its client was told.
        "description": one.key,
        "incident_id": one.incident_id,
        "start": "by_hand" if one.by_hand else "when_approved",
        "when_blocked": "wait",
    }
    found: Any = await asking.post("file", "/v1/approvals", body, key=one.key, known=frozenset())
    if found is not None:
        one.approval_id = found["approval"]["id"]


async def _sign(asking: Asking, desk: Desk, one: Told) -> bool:
    path = f"/v1/approvals/{one.approval_id}"
    said: Any = await asking.get("read", path)
    if said is None:
        return False
    shown = "\n".join(("countersign/approval/v2", "approve", str(one.approval_id), SIGNER, said["hash"])).encode()
    body = {
        "decision": "approve",
        "signer": SIGNER,
        "algorithm": "ed25519",
        "key_id": key_id_of(desk.key.public_key()),
        "value": base64.b64encode(desk.key.sign(shown)).decode("ascii"),
        "hash": said["hash"],
    }
    signing = f"{path}/signatures"
    found: Any = await asking.post(
        "sign", signing, body, key=f"{one.key}-sign", by=desk.signer_token, known=frozenset()
    )
    one.signed = found is not None
    return one.signed
