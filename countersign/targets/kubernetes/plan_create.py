"""What create job makes of a CronJob: the Job that kubectl makes, with a mark by which this very request is known.

The Job's name is fixed, so the API server accepts it once. A Job of that name without the mark is another's.
"""

import json
from collections.abc import Mapping
from copy import deepcopy
from datetime import datetime
from typing import Any, Final

from countersign.actions.operation import CreateJobParameters
from countersign.canonical import sha256_of
from countersign.errors import PermanentTargetError, PreflightRefused, TargetNotFound
from countersign.masking import masked
from countersign.targets.kubernetes.connection import Connection
from countersign.targets.kubernetes.kinds import list_path
from countersign.targets.kubernetes.requests import create
from countersign.targets.kubernetes.steps import refuse_floats, step_key
from countersign.targets.model import ObjectRef, Step

MARK: Final = "countersign/request"
"""Annotation by which a Job is known to be the one that the plan made."""
_INSTANTIATE: Final = "cronjob.kubernetes.io/instantiate"


def job_step(
    connection: Connection,
    ref: ObjectRef,
    live: Mapping[str, Any],
    parameters: CreateJobParameters,
    *,
    number: int,
    at: datetime,
) -> Step:
    """Return the step that makes the Job. Raises PreflightRefused where there is a Job of that name already."""
    job_ref = ObjectRef(ref.system, "Job", ref.namespace, parameters.job)
    path = list_path(connection, "Job", ref.namespace)
    try:
        connection.get(f"{path}/{parameters.job}", what=f"look {job_ref} up")
    except TargetNotFound:
        pass
    else:
        raise PreflightRefused(
            f"{job_ref} exists already", hint=f"choose another name, for example {parameters.job}-{at:%H%M}"
        )
    try:
        seen = jobs_told_of(connection, job_ref)
    except PermanentTargetError:
        seen = None  # events cannot be read here
    mark = sha256_of([ref.key, live["metadata"]["uid"], parameters.job, at.isoformat()])[:32]
    body = job_of(live, parameters.job, mark=mark)
    text = json.dumps(body)
    if masked(text) != text:
        raise PreflightRefused(
            f"the template of {ref} holds what looks like a secret, which would go on record with the plan",
            hint="move it into a Secret and refer to it (secretKeyRef)",
        )
    step = Step(
        key=step_key(number, "create", job_ref),
        ref=job_ref,
        title=f"create {job_ref} from {ref}",
        request=create(path, body),
        before={"uid": None, "seen": seen},
        wanted={"mark": mark},
    )
    refuse_floats(step)
    return step


def job_of(cronjob: Mapping[str, Any], name: str, *, mark: str) -> dict[str, Any]:
    """Return the Job as kubectl makes it (pkg/cmd/create, createJobFromCronJob), with our mark."""
    metadata = cronjob["metadata"]
    template = cronjob["spec"]["jobTemplate"]
    given = template.get("metadata") or {}
    owner = {
        "apiVersion": cronjob.get("apiVersion", "batch/v1"),
        "kind": "CronJob",
        "name": metadata["name"],
        "uid": metadata["uid"],
        "controller": True,
    }
    labels = {"labels": dict(given["labels"])} if given.get("labels") else {}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name,
            "annotations": {_INSTANTIATE: "manual", **(given.get("annotations") or {}), MARK: mark},
            **labels,
            "ownerReferences": [owner],
        },
        "spec": deepcopy(dict(template["spec"])),
    }


def jobs_told_of(connection: Connection, ref: ObjectRef) -> list[str]:
    """Return the uids of the Jobs of this name that events tell of.

    A Job may be gone soon after it has ended (ttlSecondsAfterFinished, the CronJob's history limits); its events stay
    for an hour.
    """
    path = f"/api/v1/namespaces/{ref.namespace}/events"
    query = {"fieldSelector": f"involvedObject.kind=Job,involvedObject.name={ref.name}"}
    items = connection.get(path, query, what=f"read the events of {ref}")["items"]
    return sorted({str(item["involvedObject"].get("uid")) for item in items})
