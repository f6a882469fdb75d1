"""One Kubernetes cluster that actions may be performed on."""

from typing import ClassVar, Self

from prefect.blocks.core import Block
from pydantic import Field, model_validator

from blocks.form import FORM, Secret, SecretText, Text, mistakes
from blocks.mounted import mounted_secret, refuse_both
from countersign.errors import ConfigurationError
from countersign.settings import load_settings
from countersign.targets.kubernetes.kubeconfig import ClusterSettings, require_nothing_elsewhere
from countersign.targets.kubernetes.kubeconfig_rules import allowances_of


class KubernetesCluster(Block):
    """One Kubernetes cluster: a kubeconfig, or a server with a token, or the pod's own service account."""

    model_config = FORM
    _block_type_name: ClassVar[str | None] = "Countersign: Kubernetes cluster"
    _block_type_slug: ClassVar[str | None] = "countersign-kubernetes-cluster"
    _description: ClassVar[str | None] = (
        "A cluster that approved actions are performed on. Fill in exactly one way to reach it: a kubeconfig, "
        "a server with a token, or in-cluster."
    )

    cluster_name: str = Field(
        default="default",
        min_length=1,
        title="Cluster name",
        description="How records and reports call this cluster, e.g. production. Keep it once it is in use.",
    )
    kubeconfig: SecretText = Field(
        default=None,
        title="Kubeconfig",
        description="The text of a kubeconfig file, not its path. Leave empty for one of the other two ways.",
    )
    kubeconfig_file: Text = Field(
        default=None,
        title="Kubeconfig file",
        description="In place of its text: a file's name in the workers' folder of mounted secrets.",
    )
    context: Text = Field(
        default=None,
        title="Context",
        description="Which of the kubeconfig's contexts to use. Empty: its current context.",
    )
    server: Text = Field(
        default=None,
        title="API server",
        description="Address of the API server, e.g. https://10.0.0.1:6443. Needs a token, and no kubeconfig.",
    )
    token: Secret = Field(
        default=None, title="Token", description="Bearer token of the service account to act as; goes with a server."
    )
    ca_certificate: Text = Field(
        default=None,
        title="CA certificate",
        description="PEM text of the authority behind the server's certificate. Empty: the system's authorities.",
    )
    in_cluster: bool = Field(
        default=False,
        title="In-cluster",
        description="Use the service account of the pod that the worker runs in, and nothing else above.",
    )
    default_namespace: str = Field(
        default="default",
        min_length=1,
        title="Default namespace",
        description="Where an action acts that names no namespace.",
    )
    allowed_namespaces: list[str] = Field(
        default_factory=list,
        title="Allowed namespaces",
        description='Actions elsewhere are refused, e.g. ["prod", "staging"]. Empty: every namespace.',
    )

    @model_validator(mode="after")
    def _can_be_right(self) -> Self:
        with mistakes():
            others = [
                name
                for name in ("kubeconfig", "kubeconfig_file", "context", "server", "token", "ca_certificate")
                if getattr(self, name) is not None
            ]
            if self.in_cluster and others:
                raise ConfigurationError(
                    f"in_cluster and {' and '.join(others)} are given", hint="choose one way to reach the cluster"
                )
            refuse_both("kubeconfig", self.kubeconfig, self.kubeconfig_file)
            if self.kubeconfig_file is not None and (self.server or self.token or self.ca_certificate):
                raise ConfigurationError(
                    "kubeconfig_file and a server are given", hint="choose one way to reach the cluster"
                )
            if self.server is None and (self.token or self.ca_certificate):
                raise ConfigurationError("token and ca_certificate need a server", hint="give the server's address")
            # Whether there is a service account, or the file, shows only where the worker runs; check() asks there.
            if not self.in_cluster and self.kubeconfig_file is None:
                require_nothing_elsewhere(self.settings())
            if self.allowed_namespaces and self.default_namespace not in self.allowed_namespaces:
                raise ConfigurationError(
                    f"default_namespace {self.default_namespace!r} is not among allowed_namespaces",
                    hint="add it there, or choose another default",
                )
        return self

    def settings(self) -> ClusterSettings:
        """Return what the Kubernetes target works with. Raises ConfigurationError for a file that cannot be read."""
        kubeconfig = self.kubeconfig
        if self.kubeconfig_file is not None:
            kubeconfig = mounted_secret(self.kubeconfig_file, field="kubeconfig_file")
        return ClusterSettings(
            name=self.cluster_name,
            default_namespace=self.default_namespace,
            allowed_namespaces=tuple(self.allowed_namespaces),
            kubeconfig=kubeconfig,
            context=self.context,
            in_cluster=self.in_cluster,
            server=self.server,
            token=self.token,
            ca_certificate=self.ca_certificate,
            allowed=allowances_of(load_settings()),
        )

    def check(self) -> str:
        """Connect and say what was found. Raises ConfigurationError saying what is wrong."""
        # The client takes a quarter of a second to import, and every Prefect process imports the blocks.
        from countersign.targets.kubernetes.facts import check  # noqa: PLC0415

        facts = check(self.settings())
        rights = {
            True: f"may patch Deployments in {self.default_namespace}",
            False: f"may not patch Deployments in {self.default_namespace}: give it a role that allows it",
            None: "does not say what it may do",
        }[facts.can_patch]
        account = facts.account or "this user"
        return (
            f"{self.cluster_name}: Kubernetes {facts.version} at {facts.server_host} answers (context "
            f"{facts.context}, namespace {facts.namespace}); {account} {rights}."
        )
