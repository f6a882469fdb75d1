"""Printing an operation as the canonical kubectl command that reads to the same operation."""

import shlex
from typing import assert_never

from countersign.actions.catalogue import Arguments, entry_for
from countersign.actions.kinds import kind_called
from countersign.actions.operation import (
    CreateJobParameters,
    DeleteParameters,
    DrainParameters,
    KubernetesOperation,
    MetadataParameters,
    Named,
    NoParameters,
    Parameters,
    PatchParameters,
    ScaleParameters,
    SetEnvParameters,
    SetImageParameters,
    SetResourcesParameters,
    TaintParameters,
    UndoParameters,
)
from countersign.actions.taints import removal_text, taint_text


def canonical(operation: KubernetesOperation) -> str:
    """Return the one kubectl command for `operation`: objects, then values, then flags, quoted for a shell."""
    arguments = entry_for(operation.verb).arguments
    objects = [
        name if arguments in (Arguments.NODES, Arguments.NODES_AND_TAINTS) else f"{_type(group)}/{name}"
        for group in operation.objects
        for name in group.names
    ]
    if arguments is Arguments.NODES_AND_TAINTS:
        objects = ["nodes", *objects]
    if isinstance(operation.parameters, CreateJobParameters):
        objects = [operation.parameters.job, f"--from={objects[0]}"]
    entry = entry_for(operation.verb)
    words = ["kubectl", *entry.command, *objects, *_words(operation.parameters)]
    if operation.namespace is not None:
        words += ["-n", operation.namespace]
    if operation.cluster is not None:
        words += ["--context", operation.cluster]
    return shlex.join(words)


def _type(group: Named) -> str:
    kind = kind_called(group.kind)
    name = kind.singular.partition(".")[0]
    return kind.singular if group.version is None else f"{name}.{group.version}.{kind.group}"


def _words(parameters: Parameters) -> list[str]:
    match parameters:
        case NoParameters():
            return []
        case UndoParameters(to_revision):
            return _number("to-revision", to_revision)
        case ScaleParameters(replicas, current):
            return [*_number("replicas", replicas), *_number("current-replicas", current)]
        case DeleteParameters(grace, force, ignore_not_found):
            return [
                *_number("grace-period", grace),
                *_switch("force", force),
                *_switch("ignore-not-found", ignore_not_found),
            ]
        case SetImageParameters(images):
            return [f"{container}={image}" for container, image in images]
        case SetEnvParameters(set_, remove, containers, overwrite):
            return [
                *_pairs(set_, remove),
                *([] if containers == "*" else [f"--containers={containers}"]),
                *([] if overwrite else ["--overwrite=false"]),
            ]
        case SetResourcesParameters(limits, requests, containers):
            return [
                *([] if containers == "*" else [f"--containers={containers}"]),
                *_quantities("limits", limits),
                *_quantities("requests", requests),
            ]
        case DrainParameters():
            return [
                *_switch("ignore-daemonsets", parameters.ignore_daemonsets),
                *_switch("delete-emptydir-data", parameters.delete_emptydir_data),
                *_switch("force", parameters.force),
                *_number("grace-period", parameters.grace_period_seconds),
                *([] if parameters.timeout_seconds is None else [f"--timeout={parameters.timeout_seconds}s"]),
            ]
        case PatchParameters(type_, patch):
            return [f"--type={type_.value}", "-p", patch]
        case MetadataParameters(set_, remove, overwrite):
            return [*_pairs(set_, remove), *_switch("overwrite", overwrite)]
        case TaintParameters(set=taints, remove=removed, overwrite=overwrite):
            return [
                *(taint_text(taint) for taint in taints),
                *(removal_text(key, effect) for key, effect in removed),
                *_switch("overwrite", overwrite),
            ]
        case CreateJobParameters():
            # Its name stands where the objects of other commands stand.
            return []
        case _:
            assert_never(parameters)


def _number(name: str, value: int | None) -> list[str]:
    return [] if value is None else [f"--{name}={value}"]


def _switch(name: str, value: bool) -> list[str]:
    return [f"--{name}"] if value else []


def _pairs(set_: tuple[tuple[str, str], ...], remove: tuple[str, ...]) -> list[str]:
    return [*(f"{key}={value}" for key, value in set_), *(f"{key}-" for key in remove)]


def _quantities(name: str, values: tuple[tuple[str, str], ...]) -> list[str]:
    return [f"--{name}={','.join(f'{key}={value}' for key, value in values)}"] if values else []
