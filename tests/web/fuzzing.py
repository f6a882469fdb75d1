"""Schemathesis on the whole OpenAPI, with every check: what is documented is what is answered."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fastapi import FastAPI
from prefect.client.orchestration import get_client
from schemathesis import openapi
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema

from countersign.web.app import OPENAPI
from countersign.worker.run_starter import EXECUTE_APPROVAL, FINISH_STEPS, RECONCILE

# A schema does not say what kubectl understands, which key was used for another request, or what has changed
# meanwhile: such refusals are right for what fits the schema.
ACCEPTABLE = ["2xx", "304", "401", "403", "404", "409", "412", "422", "429"]

# A body that is too long for its field may be too long for any.
REJECTING = ["400", "401", "403", "404", "405", "409", "412", "413", "415", "422", "429"]


@dataclass(frozen=True)
class Came:
    """What it came to."""

    failures: Sequence[str]
    requests: int
    statuses: Counter[int]


@dataclass(frozen=True)
class Budget:
    """How much is asked."""

    examples: int
    """For each address and phase."""
    steps: int
    """Requests that follow one another."""
    seed: int | None
    """None: others every time."""


def fuzzed(app: FastAPI, token: str, *, parameters: dict[str, str], budget: Budget) -> Came:
    """Ask everything of `app` in every way that the schema allows, and in ways that it does not."""
    config = SchemathesisConfig.from_dict(
        {
            **({"seed": budget.seed} if budget.seed is not None else {}),
            "auth": {"openapi": {"token": {"bearer": token}}},
            "checks": {
                "positive_data_acceptance": {"expected-statuses": ACCEPTABLE},
                "negative_data_rejection": {"expected-statuses": REJECTING},
            },
            "parameters": parameters,
            "generation": {
                "max-examples": budget.examples,
                "deterministic": budget.seed is not None,
                "database": "none",
            },
            "phases": {"stateful": {"max-steps": budget.steps, "inference": {"algorithms": []}}},
            "continue-on-failure": True,
        }
    )
    # A stream lasts as long as an approval does.
    schema = openapi.from_asgi(OPENAPI, app, config=config).exclude(path_regex="/events$")
    failures: dict[str, None] = {}
    statuses: Counter[int] = Counter()
    for event in from_schema(schema).execute():
        match event:
            case events.ScenarioFinished():
                failures |= dict.fromkeys(each.replace(token, "TOKEN") for each in _failures(event))
                answers = (each.response for each in event.recorder.interactions.values())
                statuses.update(answer.status_code for answer in answers if answer is not None)
            case events.NonFatalError() | events.FatalError():
                failures[str(event)] = None
    return Came(tuple(failures), sum(statuses.values()), statuses)


def _failures(event: events.ScenarioFinished) -> Iterator[str]:
    for case_id, checks in event.recorder.checks.items():
        case = event.recorder.cases[case_id].value
        for check in checks:
            if check.failure_info is not None:
                failure = check.failure_info.failure
                said = f"{case.operation.label}: {check.name}: {failure.title}: {failure.message}"
                yield f"{said[:1500]}\n    {case.as_curl_command()[:600]}"


async def deploy() -> None:
    """Make Prefect know the deployments that the API starts, with nobody who takes their runs."""
    async with get_client() as client:
        for name in (EXECUTE_APPROVAL, FINISH_STEPS, RECONCILE):
            flow, deployment = name.split("/")
            await client.create_deployment(flow_id=await client.create_flow_from_name(flow), name=deployment)
