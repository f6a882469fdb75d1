"""An approval system in a page: file a request, wait until it is signed and has ended, show what came of it.

    COUNTERSIGN_URL=https://countersign.example.com COUNTERSIGN_TOKEN=cst_... \\
        python request.py --key ticket-4711 --reason "it hangs" "kubectl rollout restart deployment/api -n prod"

The exit code is 0 where the action succeeded and did not make things worse, else 1; 2 where nothing was filed.
"""

import argparse
import os
import sys
import time
from collections.abc import Iterator
from typing import Any

from pydantic import SecretStr

from countersign.client import Client
from countersign.errors import CountersignError

LOOK_SECONDS = 20.0
"""How long one question waits for the end. What happened meanwhile is shown after each."""
VERIFIED_WITHIN_SECONDS = 120.0
"""A verdict comes after the outcome: the target is looked at for a while."""


def main() -> int:
    """File, wait, show."""
    given = _arguments()
    try:
        with Client(_setting("COUNTERSIGN_URL"), SecretStr(_setting("COUNTERSIGN_TOKEN"))) as countersign:
            # The same key files one request, however often this program is started for the same ticket.
            filed = countersign.file(given.action, key=given.key, description=given.reason, risk_level=given.risk)
            approval = filed["approval"]
            print(f"filed {approval['id']}: {approval['action']}")
            print(f"to be signed by {approval['required_signatures']} of {', '.join(approval['may_sign'])}")
            return _report(_ended(countersign, approval["id"], give_up_after=given.hours * 3600))
    except CountersignError as error:
        print(f"{error.message}{f' ({error.hint})' if error.hint else ''}", file=sys.stderr)
        return 2


def _ended(countersign: Client, approval_id: str, *, give_up_after: float) -> dict[str, Any]:
    """Return the approval once it has ended and has its verdict; tell what happens until then."""
    give_up, seen = time.monotonic() + give_up_after, 0
    while True:
        left = give_up - time.monotonic()
        approval = countersign.wait(approval_id, seconds=max(0.0, min(left, LOOK_SECONDS)))
        for event in _news(countersign, approval_id, after=seen):
            seen = event["seq"]
            print(f"{event['at'][:19]}  {event['title']}")
        if approval["status"] == "executed" and approval["verdict"] is None and not _nothing_to_verify(approval):
            give_up = min(give_up, time.monotonic() + VERIFIED_WITHIN_SECONDS)
            time.sleep(min(2.0, max(0.0, left)))
        elif approval["status"] not in ("pending", "approved", "executing"):
            return approval
        if left <= 0:
            return approval


def _news(countersign: Client, approval_id: str, *, after: int) -> Iterator[dict[str, Any]]:
    yield from countersign.get(f"/approvals/{approval_id}/timeline", after=after)


def _nothing_to_verify(approval: dict[str, Any]) -> bool:
    """Reading changes nothing, so nothing is verified afterwards."""
    return (approval["parameters"] or {}).get("reading") != "operation"


def _report(approval: dict[str, Any]) -> int:
    print(f"status   {approval['status']}")
    print(f"outcome  {approval['outcome'] or '-'}")
    print(f"verdict  {approval['verdict'] or '-'}{' (taken back)' if approval['rolled_back'] else ''}")
    if approval["reason"]:
        print(f"reason   {approval['reason']}")
    return 0 if approval["status"] == "executed" and approval["verdict"] != "worse" else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="File a request and wait for its end.")
    parser.add_argument("action", help="one line, as it would be typed")
    parser.add_argument("--key", help="the ticket's number: the same one files one request")
    parser.add_argument("--reason", default="", help="why it should be done")
    parser.add_argument("--risk", default="medium", choices=("low", "medium", "high", "critical"))
    parser.add_argument("--hours", type=float, default=24.0, help="how long to wait")
    return parser.parse_args()


def _setting(name: str) -> str:
    if not os.environ.get(name):
        sys.exit(f"{name} is not set: see README.md beside this file")
    return os.environ[name]


if __name__ == "__main__":
    sys.exit(main())
