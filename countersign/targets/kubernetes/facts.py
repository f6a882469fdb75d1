"""Whether a cluster can be used: connect, read its version, the account and what that account lacks."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from countersign.errors import ConfigurationError, PermanentTargetError, TargetError, TargetNotFound
from countersign.targets.kubernetes.account import account_of
from countersign.targets.kubernetes.connection import Connection, connect
from countersign.targets.kubernetes.kinds import object_path
from countersign.targets.kubernetes.kubeconfig import ClusterSettings, usable_document
from countersign.targets.kubernetes.supported import require_supported


@dataclass(frozen=True)
class ClusterFacts:
    """What `check` found."""

    version: str
    context: str
    namespace: str
    """The default one."""
    server_host: str
    account: str | None
    """Whose credentials they are; None where neither the server nor they tell."""
    can_patch: bool | None
    """May these credentials patch Deployments in the default namespace? None: the server does not say."""


def check(settings: ClusterSettings, *, request_timeout: float = 10) -> ClusterFacts:
    """Really connect and read. Raises ConfigurationError saying what is wrong."""
    name = settings.name
    try:
        with connect(settings, request_timeout=request_timeout) as connection:
            host = urlsplit(connection.server).netloc.rpartition("@")[2]
            version = require_supported(name, host, connection.get("/version", what=f"connect to {host}"))
            can_patch = _can_patch(connection)
            _require_namespace(connection)
            user = usable_document(settings)["users"][0]["user"]
            return ClusterFacts(
                version=version,
                context=connection.context,
                namespace=settings.default_namespace,
                server_host=host,
                account=account_of(connection, user),
                can_patch=can_patch,
            )
    except TargetNotFound as error:
        raise ConfigurationError(
            f"cluster {name!r}: {error.message}", hint="check the server's address; is it a Kubernetes API server?"
        ) from None
    except PermanentTargetError as error:
        raise ConfigurationError(
            f"cluster {name!r}: {error.message}", hint="check the token or the client certificate"
        ) from None
    except TargetError as error:
        raise ConfigurationError(
            f"cluster {name!r}: {error.message}", hint=error.hint or "check the server's address and port"
        ) from None


def _require_namespace(connection: Connection) -> None:
    """Raise ConfigurationError where the default namespace does not exist; who may not read it is told nothing."""
    namespace = connection.settings.default_namespace
    try:
        connection.get(object_path(connection, "Namespace", None, namespace), what=f"look namespace {namespace} up")
    except TargetNotFound:
        raise ConfigurationError(
            f"cluster {connection.settings.name!r}: the default namespace {namespace!r} does not exist there",
            hint="choose one that does, or make it",
        ) from None
    except TargetError:
        return


def _can_patch(connection: Connection) -> bool | None:
    namespace = connection.settings.default_namespace
    # Any authenticated user may list what the default namespace holds only with rights, so ask for rights.
    asked = {"namespace": namespace, "verb": "patch", "group": "apps", "resource": "deployments"}
    try:
        answer = connection.review(asked)
    except TargetNotFound:
        return None
    return bool(answer.get("status", {}).get("allowed"))
