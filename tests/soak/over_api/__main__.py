"""`python -m tests.soak.over_api --clients 100 --seconds 300`: exits with 0 only if every invariant held."""

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Final
from uuid import UUID

import httpx
import yaml

from countersign.errors import CountersignError
from countersign.execution.access import make_token
from countersign.execution.plan_seal import read_seal
from countersign.local import supervisor
from countersign.local.postgres import DURABLE
from countersign.policy.access import Kind
from countersign.records.database.engine import transaction
from sandbox.demo.household import Household, make_household
from tests.faults.servers.place import Place, open_place
from tests.soak.__main__ import LONGEST_PAUSE_SECONDS, SETTINGS, SETTLE_SECONDS, say, unfinished
from tests.soak.judging import judge, open_approvals, told
from tests.soak.over_api.asking import ANSWER_SECONDS, Asking, Tally
from tests.soak.over_api.clients import SIGNER, Desk, client
from tests.soak.over_api.truth import compare, speeds
from tests.soak.work import Filed

WORKERS: Final = 2
TROUBLE_SECONDS: Final = 6.0
"""On average, between two kills."""
LAST_SECONDS: Final = 300.0
"""For how long clients wait for the end of what they asked for last."""


def main() -> int:
    """Run it and print what it came to."""
    options = argparse.ArgumentParser(prog="python -m tests.soak.over_api", description=__doc__)
    options.add_argument("--clients", type=int, default=100)
    options.add_argument("--seconds", type=float, default=300)
    options.add_argument(
        "--seed", type=int, default=None, help="what is asked and killed; its timing is not the same"
    )
    chosen = options.parse_args()
    seed = chosen.seed if chosen.seed is not None else random.SystemRandom().randrange(1_000_000)
    say(f"seed {seed}, {chosen.clients} clients, {chosen.seconds:g} seconds, {WORKERS} workers")
    supervisor.LONGEST_PAUSE = LONGEST_PAUSE_SECONDS
    with tempfile.TemporaryDirectory(prefix="countersign-soak-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        opened = open_place(
            Path(folder) / "state",
            environment={**SETTINGS, "COUNTERSIGN_WEB_REQUESTS_PER_MINUTE": "1000000"},
            workers=WORKERS,
            postgres_options=DURABLE,
            web_port=0,
            household=_household(),
        )
        with opened as place:
            return asyncio.run(Soak(place, seed, chosen.clients, chosen.seconds).run())


def _household() -> Household:
    """Return people and a policy in which clients may file and start."""
    household = make_household()
    roles = [
        {"roles": ["requester", "executor"], "subjects": ["client-*"]},
        {"roles": ["approver"], "subjects": [SIGNER]},
    ]
    return Household(household.keys, household.auto_secret, household.policy + yaml.safe_dump({"roles": roles}))


@dataclass
class Soak:
    """One soak."""

    place: Place
    seed: int
    clients: int
    seconds: float

    async def run(self) -> int:
        """Ask and kill, let it settle, judge; return 0 if every invariant holds."""
        place, tally = self.place, Tally()
        desk = Desk(place.household.keys[SIGNER], self._token(SIGNER, Kind.PERSON))
        url = place.stack.addresses.url
        assert url is not None
        tokens = [self._token(f"client-{number}", Kind.MACHINE) for number in range(self.clients)]
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=self.clients)
        async with httpx.AsyncClient(base_url=url, timeout=ANSWER_SECONDS, limits=limits, trust_env=False) as http:
            await self._ready(Asking(http, tokens[0], Tally(), random.Random()))
            began = time.monotonic()
            ends = began + self.seconds
            asking = [
                client(
                    Asking(http, token, tally, random.Random(f"{self.seed} {number}")),
                    desk,
                    f"client-{number}",
                    lambda: time.monotonic() < ends,
                    lambda: ends + LAST_SECONDS,
                )
                for number, token in enumerate(tokens)
            ]
            killing = asyncio.create_task(self._kill(ends))
            everybody = asyncio.gather(*asking)
            kills = await killing
            spoken = list(speeds(tally, seconds=time.monotonic() - began))
            say(f"nothing is killed any more ({told(kills)}); waiting for what was asked for last")
            await everybody
        return self._judge(desk, tally, kills, spoken)

    async def _ready(self, asking: Asking) -> None:
        """Wait until the API knows the cluster and the policy, which were put in place after it had started."""
        body = {"action": "kubectl rollout restart deployment/api -n prod"}
        refused = frozenset({"forbidden", "configuration"})
        give_up = time.monotonic() + SETTLE_SECONDS
        for number in count():
            filed = await asking.post("ready", "/v1/approvals", body, key=f"ready-{number}", known=refused)
            if filed is not None:
                path = f"/v1/approvals/{filed['approval']['id']}/cancel"
                await asking.post("ready", path, {}, key="ready-cancel", known=frozenset())
                return
            if time.monotonic() > give_up:
                raise RuntimeError("the API files nothing")
            await asyncio.sleep(0.5)

    def _judge(self, desk: Desk, tally: Tally, kills: Counter[str], spoken: list[str]) -> int:
        place, give_up = self.place, time.monotonic() + SETTLE_SECONDS
        while (_open(place) or unfinished(place)) and time.monotonic() < give_up:
            time.sleep(1)
        truth = compare(place, desk.told)
        filed = [
            Filed(UUID(one.approval_id), one.action, one.incident_id)
            for one in desk.told
            if one.approval_id is not None and one.signed
        ]
        verdict = judge(place, filed)
        say(f"seed {self.seed}: {len(desk.told)} requests, {len(filed)} filed and signed, killed: {told(kills)}")
        for line in spoken:
            say(line)
        say(f"tries without an answer: {told(tally.silent)}; told to come again: {told(tally.told_later)}")
        say(f"answers to a repeated request that an earlier try had earned: {tally.replayed}")
        for name, found in {"unanswered": tally.unanswered, "refused without need": tally.mistakes}.items():
            say(f"{name}: {len(found)}")
            for each in found[:20]:
                say(f"  {each}")
        for line in (*truth.lines(), *verdict.lines()):
            say(line)
        holds = truth.holds and verdict.holds and not tally.unanswered and not tally.mistakes
        say("every invariant held" if holds else "NOT every invariant held")
        return 0 if holds else 1

    async def _kill(self, ends: float) -> Counter[str]:
        """Kill the process that answers, or one that executes, until it ends; say what was killed."""
        chance, kills = random.Random(self.seed), Counter[str]()
        while (left := ends - time.monotonic()) > 0:
            await asyncio.sleep(min(left, chance.expovariate(1 / TROUBLE_SECONDS)))
            part = chance.choice(("web", f"worker-{chance.randint(1, WORKERS)}"))
            with suppress(CountersignError, OSError):
                self.place.stack.check()
                self.place.kill(part)
                kills[part.partition("-")[0]] += 1
        return kills

    def _token(self, subject: str, kind: Kind) -> str:
        with transaction(self.place.services.engine) as session:
            seal = read_seal(self.place.stack.addresses.trust_dir)
            life = timedelta(hours=2)
            made = make_token(session, seal, subject=subject, kind=kind, life=life, by="the soak")
        return made.secret.get_secret_value()


def _open(place: Place) -> bool:
    try:
        return bool(open_approvals(place))
    except CountersignError:
        return True


if __name__ == "__main__":
    sys.exit(main())
