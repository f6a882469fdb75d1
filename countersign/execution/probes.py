"""Asking the policy's probes: a page that has to answer, a query whose values have to be in bounds.

Only addresses of the policy are asked, with GET and without credentials, and not the machine's own unless a setting
lists them. A redirect is followed on the same host alone, since another host is another question. A probe never stops
an action: what cannot be asked is an answer too.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from math import isnan
from time import monotonic
from typing import Any, Final
from urllib.parse import urljoin, urlsplit
from uuid import UUID

import httpx
from sqlmodel import Session

from countersign.errors import AddressForbidden, TransientTargetError
from countersign.execution.outward import PLAIN, AddressRefused, guarded, read_at_most
from countersign.policy.document import Policy
from countersign.policy.probes import HttpProbe, Probe, PrometheusProbe
from countersign.records import refusals
from countersign.targets.model import Plan
from countersign.texts import text

BEFORE_SECONDS: Final = 2.0
"""How long one probe may take before the effect: it must not hold the action up."""
_READ_LIMIT: Final = 256 * 1024
_REDIRECTS: Final = 3
_AT_ONCE: Final = 8


@dataclass(frozen=True)
class ProbeAnswer:
    """What a probe came to."""

    name: str
    met: bool | None
    """None: it could not be asked, or gave no value."""
    said: str
    """For people; no addresses."""
    refused: bool = False
    """Its address is one that must not be reached."""


def probes_for(policy: Policy, plan: Plan, named: Sequence[str] = ()) -> tuple[tuple[Probe, ...], tuple[str, ...]]:
    """Return the policy's probes for `plan`, those `named` by the approval among them, and names it does not know."""
    places = tuple((ref.namespace, ref.name) for ref in plan.refs)
    chosen = tuple(probe for probe in policy.probes if probe.name in named or probe.fits(plan.verb, places))
    known = {probe.name for probe in policy.probes}
    return chosen, tuple(name for name in dict.fromkeys(named) if name not in known)


def names_in(details: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the probes that an approval names; whatever is not a list of names is none."""
    given = details.get("probes")
    return tuple(name for name in given if isinstance(name, str)) if isinstance(given, list) else ()


def ask_all(probes: Sequence[Probe], *, at_most: float | None = None) -> list[ProbeAnswer]:
    """Ask every probe, side by side, each for its own time or `at_most` seconds. Raises nothing."""
    if not probes:
        return []
    with ThreadPoolExecutor(min(_AT_ONCE, len(probes)), thread_name_prefix="probes") as pool:
        return list(pool.map(lambda probe: ask(probe, at_most=at_most), probes))


def seconds_of(probe: Probe) -> float:
    """Return how long the probe may take."""
    question = probe.http or probe.prometheus
    assert question is not None, "the policy checks it"
    return question.timeout_seconds


def ask(probe: Probe, *, at_most: float | None = None) -> ProbeAnswer:
    """Ask one probe."""
    question = probe.http or probe.prometheus
    assert question is not None, "the policy checks it"
    seconds = min(seconds_of(probe), at_most or seconds_of(probe))
    try:
        if isinstance(question, HttpProbe):
            return _http(probe.name, question, seconds)
        return _prometheus(probe.name, question, seconds)
    except AddressRefused as error:
        return ProbeAnswer(probe.name, None, text("probe.not_asked", reason=str(error)), refused=True)
    except (httpx.HTTPError, httpx.InvalidURL, TransientTargetError) as error:
        # Their texts may quote addresses.
        reason = error.message if isinstance(error, TransientTargetError) else type(error).__name__
        return ProbeAnswer(probe.name, None, text("probe.not_asked", reason=reason))


def answers_json(answers: Sequence[ProbeAnswer]) -> dict[str, Any]:
    """Return answers as JSON values, for the evidence."""
    return {"probes": [asdict(each) for each in answers]}


def answers_from_json(value: Mapping[str, Any] | None) -> dict[str, ProbeAnswer]:
    """Read what `answers_json` wrote, by name."""
    return {each["name"]: ProbeAnswer(**each) for each in (value or {}).get("probes") or ()}


def note_refused(session: Session, approval_id: UUID, verification: Mapping[str, Any] | None) -> None:
    """Put on the audit which probes have an address that must not be reached, in the transaction of their answers."""
    for answer in answers_from_json(verification).values():
        if answer.refused:
            refusal = AddressForbidden(answer.said)
            refusals.note(session, refusal, approval_id=approval_id, details={"probe": answer.name})


def _http(name: str, question: HttpProbe, seconds: float) -> ProbeAnswer:
    status, body = _get(question.url, seconds)
    if status != question.status:
        return ProbeAnswer(name, False, text("probe.status", status=status, expected=question.status))
    if question.contains and question.contains not in body:
        return ProbeAnswer(name, False, text("probe.text_missing"))
    return ProbeAnswer(name, True, text("probe.answered", status=status))


def _prometheus(name: str, question: PrometheusProbe, seconds: float) -> ProbeAnswer:
    address = question.url.rstrip("/") + "/api/v1/query"
    status, body = _get(f"{address}?{httpx.QueryParams(query=question.query, timeout=f'{seconds:g}s')}", seconds)
    if status != 200:
        return ProbeAnswer(name, None, text("probe.not_asked", reason=f"HTTP {status}"))
    values = list(_values(body))
    if not values:
        return ProbeAnswer(name, None, text("probe.no_value"))
    bad = [value for value in values if not question.comparison.holds(value, question.threshold)]
    shown = f"{(bad or values)[0]:g}"
    wanted = f"{question.comparison} {question.threshold:g}"
    return ProbeAnswer(name, not bad, text("probe.value", value=shown, wanted=wanted))


def _values(body: str) -> Iterator[float]:
    """Yield the numbers of a query's answer (scalar or vector). NaN is no number, so 0/0 is no value."""
    try:
        data = json.loads(body)["data"]
        pairs = [data["result"]] if data["resultType"] == "scalar" else [each["value"] for each in data["result"]]
        numbers = [float(value) for _at, value in pairs]
    except (ValueError, KeyError, TypeError):
        raise TransientTargetError(text("probe.not_understood")) from None
    yield from (number for number in numbers if not isnan(number))


def _get(address: str, seconds: float) -> tuple[int, str]:
    """GET `address` and return the status and the beginning of the answer, within `seconds` in all."""
    with guarded(urlsplit(address).hostname or "") as guard:
        try:
            return _asked(address, seconds)
        except httpx.HTTPError:
            if guard.refused:
                raise AddressRefused(guard.refused) from None
            raise


def _asked(address: str, seconds: float) -> tuple[int, str]:
    until = monotonic() + seconds
    # No proxy, no netrc: what is asked is what the policy says, whatever the environment.
    with httpx.Client(trust_env=False, follow_redirects=False, timeout=seconds, headers=PLAIN) as client:
        for _ in range(_REDIRECTS + 1):
            with client.stream("GET", address, timeout=max(until - monotonic(), 0.01)) as answer:
                if not answer.is_redirect:
                    return answer.status_code, _read(answer, until)
                target = urljoin(address, answer.headers["Location"])
            if _origin(target) != _origin(address):
                raise TransientTargetError(text("probe.redirected"))
            address = target
    raise TransientTargetError(text("probe.redirected"))


def _read(answer: httpx.Response, until: float) -> str:
    def in_time() -> None:
        if monotonic() > until:
            raise TransientTargetError(text("probe.too_slow"))

    return read_at_most(answer, _READ_LIMIT, go_on=in_time).decode("utf-8", "replace")


def _origin(address: str) -> tuple[str, str | None, int | None]:
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        raise TransientTargetError(text("probe.redirected")) from None
    return parts.scheme, parts.hostname, port
