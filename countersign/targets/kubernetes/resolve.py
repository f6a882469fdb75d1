"""Find the live objects of an operation: the exact name, else one that it surely stands for, else a refusal."""

from dataclasses import replace
from typing import Any

from countersign.actions.custom_kinds import is_custom
from countersign.actions.operation import DeleteParameters, KubernetesOperation, Named, Verb
from countersign.errors import PermanentTargetError, PolicyRefused, TargetNotFound
from countersign.targets.kubernetes.connection import Connection
from countersign.targets.kubernetes.kinds import api_kind, canonical_kind, list_path, object_path
from countersign.targets.kubernetes.names import matching, nearest
from countersign.targets.model import Match, ObjectRef, Resolution

_REPLACED = frozenset({"Pod", "Job"})
"""What a deletion under another spelling of the name may find: something else makes these again."""


def resolve(connection: Connection, operation: KubernetesOperation) -> Resolution:
    """Return the objects in the order of the operation's names, each once; one without a uid is not there, and need
    not be (kubectl delete --ignore-not-found).

    Raises PolicyRefused for a namespace that the cluster block does not allow, TargetNotFound with the nearest
    candidates, TransientTargetError when the cluster could not be asked.
    """
    namespace = namespace_of(connection, operation)
    refs: list[ObjectRef] = []
    match = Match.EXACT
    optional = may_be_absent(operation)
    for written in operation.objects:
        # One name for one kind: it is part of the key by which an object is held.
        kind = canonical_kind(connection, written.kind, written.version) if is_custom(written.kind) else written.kind
        group = replace(written, kind=kind)
        for name in group.names:
            if optional:
                ref, how = _find_exactly(connection, group, namespace, name), Match.EXACT
            else:
                exact = operation.verb is Verb.DELETE and group.kind not in _REPLACED
                ref, how = _find(connection, group, namespace, name, exact=exact)
            match = Match.NORMALISED if how is Match.NORMALISED else match
            if ref.kind == "Namespace":
                _require_allowed(connection, ref.name)
            if ref not in refs:
                refs.append(ref)
    return Resolution(refs=tuple(refs), requested=operation.all_names, match=match)


def may_be_absent(operation: KubernetesOperation) -> bool:
    """Tell whether an object that is not there is nothing to do, and no error."""
    return isinstance(operation.parameters, DeleteParameters) and operation.parameters.ignore_not_found


def namespace_of(connection: Connection, operation: KubernetesOperation) -> str | None:
    """Return the operation's namespace, the block's default if it names none, None for cluster-scoped kinds."""
    if not api_kind(operation.kind).namespaced:
        return None
    namespace = operation.namespace or connection.settings.default_namespace
    _require_allowed(connection, namespace)
    return namespace


def _require_allowed(connection: Connection, namespace: str) -> None:
    settings = connection.settings
    if settings.allowed_namespaces and namespace not in settings.allowed_namespaces:
        raise PolicyRefused(
            f"namespace {namespace} is not allowed on cluster {settings.name}",
            hint=f"allowed namespaces: {', '.join(settings.allowed_namespaces)}",
        )


def _find_exactly(connection: Connection, group: Named, namespace: str | None, name: str) -> ObjectRef:
    """Return the object of this very name: another that the name may stand for is not what is to be gone."""
    ref = ObjectRef(connection.settings.name, group.kind, namespace, name)
    path = object_path(connection, group.kind, namespace, name, version=group.version)
    try:
        live = connection.get(path, what=f"look {ref} up")
    except TargetNotFound:
        return ref
    return replace(ref, uid=live["metadata"]["uid"])


def _find(
    connection: Connection, group: Named, namespace: str | None, name: str, *, exact: bool
) -> tuple[ObjectRef, Match]:
    system, kind, version = connection.settings.name, group.kind, group.version
    what = str(ObjectRef(system, kind, namespace, name))
    try:
        live = connection.get(object_path(connection, kind, namespace, name, version=version), what=f"look {what} up")
    except (TargetNotFound, PermanentTargetError) as error:
        if isinstance(error, PermanentTargetError) and error.hint is not None:
            raise  # credentials; a name that no object can have is answered without one
    else:
        return _ref(system, kind, namespace, live), Match.EXACT
    items = connection.get(list_path(connection, kind, namespace, version=version), what=f"list {kind}s")["items"]
    existing = {item["metadata"]["name"]: item for item in items}
    found = matching(name, kind, existing)
    if len(found) == 1 and not exact:
        return _ref(system, kind, namespace, existing[found[0]]), Match.NORMALISED
    if len(found) > 1:
        raise TargetNotFound(
            f"{what} does not exist, and the name could mean {' or '.join(found)}",
            candidates=found,
            hint=f"write one of them: {', '.join(found)}",
        )
    if not existing and namespace is not None and not _exists(connection, namespace):
        raise TargetNotFound(
            f"the namespace {namespace} does not exist, so neither does {what}", hint="check the namespace after -n"
        )
    candidates = nearest(name, sorted(existing))
    raise TargetNotFound(
        f"{what} does not exist{_named(candidates)}",
        candidates=candidates,
        hint=_hint(connection, kind, namespace, candidates, existing),
    )


def _named(candidates: tuple[str, ...]) -> str:
    """Return the nearest names as part of the sentence, since the sentence is what goes on record."""
    return f"; nearest: {', '.join(candidates)}" if candidates else ""


def _hint(
    connection: Connection, kind: str, namespace: str | None, candidates: tuple[str, ...], existing: dict[str, Any]
) -> str:
    if candidates:
        return f"did you mean {', '.join(candidates)}?"
    if existing:
        return f"there is no {kind} of a similar name; there are {len(existing)} others"
    return f"there is no {kind} at all{f' in namespace {namespace}' if namespace else ''}"


def _ref(system: str, kind: str, namespace: str | None, live: Any) -> ObjectRef:
    metadata = live["metadata"]
    return ObjectRef(system, kind, namespace, metadata["name"], metadata["uid"])


def _exists(connection: Connection, namespace: str) -> bool:
    try:
        connection.get(object_path(connection, "Namespace", None, namespace), what=f"look namespace {namespace} up")
    except TargetNotFound:
        return False
    except PermanentTargetError:
        return True  # not allowed to read namespaces: nothing is claimed about it
    return True
