"""Which playbook's steps an execution ran: what it ran counts, not what its request says it came from."""

from dataclasses import replace

from countersign.actions import read_action
from countersign.actions.commands import template_of
from countersign.actions.operation import HostOperation, KubernetesOperation
from countersign.actions.rendering import steps_hash
from countersign.records.tables import Approval


def steps_hashes_of(approval: Approval) -> tuple[str, ...]:
    """Return the hashes of the steps that the action is, () where it changes nothing.

    A namespace that the text leaves to the cluster's default was signed with the approval; a playbook may name it or
    leave it out as well.
    """
    operation = read_action(approval.action)
    if not isinstance(operation, KubernetesOperation | HostOperation):
        return ()
    spellings = [operation]
    if isinstance(operation, KubernetesOperation) and operation.namespace is None:
        signed = (approval.target or {}).get("namespace")
        if signed is not None:
            spellings.append(replace(operation, namespace=signed))
    return tuple(steps_hash((template_of(one).text,)) for one in spellings)
