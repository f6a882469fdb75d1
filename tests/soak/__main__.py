"""`python -m tests.soak --minutes 20 [--seed N]`: exits with 0 only if every invariant held."""

import argparse
import random
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from pydantic import SecretStr

from countersign.errors import CountersignError
from countersign.local import supervisor
from countersign.local.postgres import DURABLE
from countersign.targets.kubernetes.kubeconfig import ClusterSettings
from tests.faults.servers.place import Place, open_place
from tests.soak.judging import judge, open_approvals, told, unfinished_steps
from tests.soak.trouble import Trouble
from tests.soak.work import Work

WORKERS = 3
SETTINGS = {
    "COUNTERSIGN_LEASE_SECONDS": "10",
    "COUNTERSIGN_RETRY_DELAY_SECONDS": "5",
    # The channel that is told of everything.
    "COUNTERSIGN_ALLOWED_LOCAL_ADDRESSES": "127.0.0.1",
}
"""The rest is as it comes, reconciliation every 15 seconds included."""
PACE_SECONDS, TROUBLE_SECONDS = 2.0, 6.0
"""On average, between two approvals and between two troubles."""
MOST_OPEN = 20
"""Nothing more is filed while this many have no end: what is tried is the promise, not how fast the machine is."""
SETTLE_SECONDS = 900.0
LONGEST_PAUSE_SECONDS = 5.0


def main() -> int:
    """Run the soak and print what it came to."""
    options = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    options.add_argument("--minutes", type=float, default=10)
    options.add_argument(
        "--seed", type=int, default=None, help="what happens, in which order; its timing is not the same"
    )
    chosen = options.parse_args()
    seed = chosen.seed if chosen.seed is not None else random.SystemRandom().randrange(1_000_000)
    say(f"seed {seed}, {chosen.minutes:g} minutes, {WORKERS} workers")
    # A part that dies often is given longer and longer pauses, up to half a minute: too long to be killed often.
    supervisor.LONGEST_PAUSE = LONGEST_PAUSE_SECONDS
    with tempfile.TemporaryDirectory(prefix="countersign-soak-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        opened = open_place(Path(folder) / "state", environment=SETTINGS, workers=WORKERS, postgres_options=DURABLE)
        with opened as place:
            return soak(place, seed=seed, seconds=chosen.minutes * 60)


def soak(place: Place, *, seed: int, seconds: float) -> int:
    """File and disturb for `seconds`, let it settle, judge; return 0 if every invariant holds."""
    kubeconfig = place.stack.addresses.kubeconfig
    assert kubeconfig is not None
    cluster = ClusterSettings(name="sandbox", kubeconfig=SecretStr(kubeconfig.read_text()))
    # Two rows of chance, so that what is filed does not depend on how much goes wrong.
    work = Work(place, lambda: cluster, random.Random(seed))
    chance = random.Random(seed + 1)
    trouble = Trouble(place, chance, workers=WORKERS)
    began = time.monotonic()
    next_work = next_trouble = next_line = began
    while time.monotonic() < began + seconds:
        now = time.monotonic()
        place.stack.check()
        trouble.tend()
        if now >= next_work and still_open(place, work) < MOST_OPEN and work.file_one():
            next_work = now + chance.uniform(0, 2 * PACE_SECONDS)
        if now >= next_trouble:
            trouble.make_some()
            next_trouble = now + chance.expovariate(1 / TROUBLE_SECONDS)
        if now >= next_line:
            line(place, work, trouble, began)
            next_line += 60
        time.sleep(0.05)
    trouble.end()
    say("nothing goes wrong any more; waiting until everything has settled")
    give_up = time.monotonic() + SETTLE_SECONDS
    while (still_open(place, work) or unfinished(place)) and time.monotonic() < give_up:
        if time.monotonic() >= next_line:
            line(place, work, trouble, began)
            next_line += 60
        time.sleep(1)
    settled = time.monotonic()
    verdict = judge(place, work.filed)
    took = settled - began - seconds
    say(f"seed {seed}: {len(work.filed)} approvals in {seconds / 60:g} minutes, settled {took:.0f} s later")
    say(f"triggers lost: {work.triggers_lost}; troubles: {trouble.counts.total()}: {told(trouble.counts)}")
    for each in verdict.lines():
        say(each)
    say("every invariant held" if verdict.holds else "NOT every invariant held")
    return 0 if verdict.holds else 1


def still_open(place: Place, work: Work) -> int:
    """Return how many approvals have no end yet; all, where the database cannot be asked."""
    try:
        return open_approvals(place)
    except CountersignError:
        return len(work.filed)


def unfinished(place: Place) -> bool:
    """Tell whether a step is still to be done."""
    try:
        return bool(unfinished_steps(place))
    except CountersignError:
        return True


def line(place: Place, work: Work, trouble: Trouble, began: float) -> None:
    """Print how far it is."""
    minute = (time.monotonic() - began) / 60
    waiting = still_open(place, work)
    kills = sum(count for name, count in trouble.counts.items() if name.startswith("killed"))
    say(
        f"minute {minute:4.1f}: {len(work.filed)} approvals, {waiting} open, {kills} kills, "
        f"{trouble.counts.total() - kills} other troubles, {work.triggers_lost} triggers lost"
    )


def say(words: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{datetime.now(UTC):%H:%M:%S} {words}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
