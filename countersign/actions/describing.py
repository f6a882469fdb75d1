"""A reading as JSON values (what `countersign parse` answers, and what signatures cover) and as a sentence."""

import json
from typing import Any, assert_never

from countersign.actions.catalogue import entry_for
from countersign.actions.hosts import HOST_TOOLS
from countersign.actions.operation import (
    CreateJobParameters,
    DeleteParameters,
    DrainParameters,
    HostOperation,
    Investigation,
    KubernetesOperation,
    MetadataParameters,
    Named,
    NoParameters,
    Observation,
    Parameters,
    PatchParameters,
    Reading,
    ScaleParameters,
    SetEnvParameters,
    SetImageParameters,
    SetResourcesParameters,
    TaintParameters,
    UndoParameters,
)
from countersign.actions.reading import read_action
from countersign.actions.taints import removal_text, taint_text
from countersign.errors import ParseFailure


def describe(reading: Reading) -> dict[str, Any]:
    """Return `reading` as JSON values; `reading` in them is operation, investigation or observation.

    Parameters that the text leaves at kubectl's default are left out.
    """
    match reading:
        case KubernetesOperation():
            return {
                "reading": "operation",
                "operation": reading.verb.value,
                "kind": reading.kind,
                "names": list(reading.names),
                "namespace": reading.namespace,
                "parameters": _parameters(reading.parameters),
                **({"version": reading.version} if reading.version else {}),
                **({"also": [_named(group) for group in reading.also]} if reading.also else {}),
                **_cluster(reading.cluster),
            }
        case HostOperation():
            return {
                "reading": "operation",
                "tool": reading.tool,
                "host": reading.host,
                "user": reading.user,
                "port": reading.port,
                "parameters": dict(reading.parameters),
            }
        case Investigation(argv, cluster):
            return {"reading": "investigation", "argv": list(argv), **_cluster(cluster)}
        case Observation(marker):
            return {"reading": "observation", "marker": marker}
        case _:
            assert_never(reading)


def describe_refusal(failure: ParseFailure) -> dict[str, Any]:
    """Return why a text was refused as JSON values."""
    return {"reading": "refused", "reason": failure.message, "hint": failure.hint}


def describe_text(text: str) -> dict[str, Any]:
    """Return what `text` reads to as JSON values, refusals included."""
    try:
        return describe(read_action(text))
    except ParseFailure as failure:
        return describe_refusal(failure)


def explain(reading: Reading) -> str:
    """Return one sentence for the person who is about to sign: what would be done, to what."""
    match reading:
        case KubernetesOperation():
            where = f" in namespace {reading.namespace}" if reading.namespace else ""
            what = ", ".join(f"{group.kind} {name}" for group in reading.objects for name in group.names)
            if isinstance(reading.parameters, CreateJobParameters):
                what = f"Job {reading.parameters.job} from {what}"
            on = f" on cluster {reading.cluster}" if reading.cluster else ""
            return f"{entry_for(reading.verb).description} Here: {what}{where}{on}."
        case HostOperation():
            tool = next(tool for tool in HOST_TOOLS if tool.name == reading.tool)
            return f"{tool.description} Here: on {reading.host}."
        case Investigation(argv, cluster):
            on = f" (on cluster {cluster})" if cluster else ""
            return f"Reads only, changes nothing: kubectl {' '.join(argv)}{on}"
        case Observation(marker):
            return f"Observes only, nothing is executed ({marker})."
        case _:
            assert_never(reading)


def _named(group: Named) -> dict[str, Any]:
    version = {"version": group.version} if group.version else {}
    return {"kind": group.kind, "names": list(group.names), **version}


def _cluster(name: str | None) -> dict[str, str]:
    return {} if name is None else {"cluster": name}


def _parameters(parameters: Parameters) -> dict[str, Any]:
    match parameters:
        case NoParameters():
            return {}
        case UndoParameters() | ScaleParameters() | DeleteParameters() | DrainParameters():
            return _given(**vars(parameters))
        case SetImageParameters(images):
            return {"images": dict(images)}
        case SetEnvParameters(set_, remove, containers, overwrite):
            return _given(
                env=dict(set_),
                remove=list(remove),
                containers=None if containers == "*" else containers,
                # The default is to overwrite, so only the contrary says something.
            ) | ({} if overwrite else {"overwrite": False})
        case SetResourcesParameters(limits, requests, containers):
            return _given(
                limits=dict(limits), requests=dict(requests), containers=None if containers == "*" else containers
            )
        case PatchParameters(type_, patch):
            return {"type": type_.value, "patch": json.loads(patch)}
        case MetadataParameters(set_, remove, overwrite):
            return _given(set=dict(set_), remove=list(remove), overwrite=overwrite)
        case TaintParameters(set=taints, remove=removed, overwrite=overwrite):
            return _given(
                set=[taint_text(taint) for taint in taints],
                remove=[removal_text(key, effect) for key, effect in removed],
                overwrite=overwrite,
            )
        case CreateJobParameters(job):
            return {"job": job}
        case _:
            assert_never(parameters)


def _given(**values: Any) -> dict[str, Any]:
    return {
        name: value
        for name, value in values.items()
        if value is not None and value is not False and value not in ({}, [])
    }
