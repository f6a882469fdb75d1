"""The one home of settings: environment variables with the prefix COUNTERSIGN_, or a .env file.

Durations are seconds. Secrets are SecretStr, so no repr or log shows them.
"""

from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from countersign.errors import ConfigurationError

Seconds = Annotated[float, Field(gt=0)]


def _listed(value: Any) -> Any:
    return tuple(filter(None, (part.strip() for part in value.split(",")))) if isinstance(value, str) else value


Listed = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed)]
"""Names with commas between them."""


class Settings(BaseSettings):
    """What a process of Countersign needs to know before it can read anything else."""

    model_config = SettingsConfigDict(env_prefix="COUNTERSIGN_", env_file=".env", extra="ignore", frozen=True)

    database_url: SecretStr | None = Field(
        default=None, description="PostgreSQL of Countersign, postgresql+psycopg://user:password@host/name"
    )
    database_owner_url: SecretStr | None = Field(
        default=None,
        description="the same database as the role that its tables belong to, for `countersign migrate` and "
        "`countersign archive`",
    )
    redis_url: SecretStr | None = Field(
        default=None, description="Redis or Valkey, redis://host:port/0 or unix:///path/to/socket"
    )
    state_dir: Path = Field(default=Path(".countersign"), description="where `countersign up` keeps its data")
    trust_dir: Path | None = Field(
        default=None, description="folder of the keys that no database may hold; `countersign trust init` makes it"
    )
    audit_head_file: Path | None = Field(
        default=None, description="where the audit's newest signed head is kept; else audit-head in the trust folder"
    )
    audit_head_webhook: SecretStr | None = Field(
        default=None, description="address that the audit's newest signed head is posted to, once a minute at most"
    )
    audit_head_channel: SecretStr | None = Field(
        default=None, description="channel (an Apprise address) that is told the newest signed head, hourly at most"
    )
    archive_dir: Path | None = Field(
        default=None, description="where `countersign archive` keeps its files; else `archive` in the state folder"
    )
    secrets_dir: Path | None = Field(
        default=None, description="folder of mounted secrets; blocks may name files in it, and none elsewhere"
    )
    policy_file: Path | None = Field(
        default=None, description="policy document (YAML) that decides in place of the one on record"
    )
    cluster_block: str | None = Field(
        default=None,
        description="name of the default cluster's KubernetesCluster block; "
        "unset, what `countersign clusters default` says, else the block named default",
    )
    allowed_exec_plugins: Listed = Field(
        default=(), description="commands that kubeconfigs may run for credentials, e.g. aws,kubelogin"
    )
    allow_token_file: bool = Field(
        default=False, description="whether kubeconfigs may name files: a token's, certificates, keys"
    )
    allow_proxy_url: bool = Field(default=False, description="whether kubeconfigs may name a proxy-url")
    allow_insecure_tls: bool = Field(
        default=False, description="whether kubeconfigs may say insecure-skip-tls-verify: true"
    )
    allowed_local_addresses: Listed = Field(
        default=(),
        description="addresses, networks and names that probes, channels and webhooks may reach though they are the "
        "machine itself, its links or a cloud's metadata, or, for webhooks, private; e.g. 127.0.0.1,::1",
    )
    hosts_block: str = Field(default="default", description="name of the SSHHosts block")
    channels_block: str = Field(default="default", description="name of the NotificationChannels block")
    chats_block: str = Field(default="default", description="name of the ChatApprovals block")
    notify: bool = Field(default=True, description="whether people are told how executions ended")
    language: str = Field(default="en", pattern="^(en|zh-TW)$", description="language of texts for people")

    lease_seconds: Seconds = Field(default=30, description="who is silent for this long has lost execution and step")
    retry_attempts: int = Field(default=2, ge=0, le=10, description="attempts after the first one")
    retry_delay_seconds: Seconds = Field(default=30, description="pause before each further attempt")
    target_wait_seconds: float = Field(default=120, ge=0, description="how long to wait for a held target")
    follow_seconds: float = Field(
        default=60, ge=0, description="how long a run that is to wait for another one's result does"
    )
    request_timeout_seconds: Seconds = Field(default=10, description="one request to the Kubernetes API")
    late_effect_seconds: float = Field(
        default=1, ge=0, description="a request whose reply was lost may still take effect for this long"
    )
    investigation_timeout_seconds: Seconds = Field(default=30, description="one read-only kubectl command")
    drain_timeout_seconds: Seconds = Field(default=300, description="evicting a node's pods, unless the action says")
    step_retry_seconds: Seconds = Field(
        default=10, description="pause before a step after an execution is tried again; doubles every time"
    )
    replay_seconds: Seconds = Field(default=300, description="pause before a dead letter is replayed; doubles")
    replay_limit: int = Field(default=6, ge=0, le=100, description="replays of a dead letter without a person")
    working_memory_seconds: Seconds = Field(default=86400, description="how long an incident's copy stays in Redis")
    rollback_within_seconds: Seconds = Field(
        default=900, description="an execution that is older is not taken back: what is there now may be good"
    )
    verify: bool = Field(default=True, description="whether executions are verified afterwards")
    verify_warm_up_seconds: float = Field(default=10, ge=0, description="wait before the target is looked at")
    verify_collect_seconds: float = Field(default=30, ge=0, description="how long the target is looked at")
    verify_limit_seconds: Seconds = Field(default=60, description="one verification, all in all")
    trust_half_life_seconds: Seconds = Field(
        default=2_592_000, description="after this long an observation weighs half as much (30 days)"
    )
    trust_promote_bound: float = Field(
        default=0.6, gt=0, le=1, description="a draft playbook whose trust's lower bound is this high is approved"
    )
    trust_demote_runs: int = Field(
        default=3, ge=1, le=100, description="a playbook not effective so many times in a row is left to people"
    )
    trust_demote_floor: float = Field(
        default=0.1, ge=0, lt=1, description="a playbook whose trust's lower bound is below this is left to people"
    )
    executions_at_once: int = Field(
        default=8, ge=1, le=64, description="runs that each worker brings to their outcome at the same time"
    )
    steps_at_once: int = Field(
        default=16,
        ge=1,
        le=64,
        description="steps after outcomes that each worker does at the same time; verifications, which mostly wait, "
        "are not counted",
    )
    worker_grace_seconds: float = Field(default=60, ge=0, description="time a worker told to stop gives its runs")
    url: str | None = Field(
        default=None,
        pattern=r"^https?://[^\s/]+$",
        description="address of the API and the pages, as people and programs reach it, "
        "e.g. https://countersign.example.com",
    )
    oidc_issuer: str | None = Field(
        default=None,
        pattern=r"^https?://[^\s?#]+$",
        description="the OpenID Connect provider that people log in by, as its ID tokens name it",
    )
    oidc_client_id: str | None = Field(default=None, description="what the provider calls this installation")
    oidc_client_secret: SecretStr | None = Field(default=None, description="what it shows to the provider")
    oidc_name_claim: str = Field(
        default="email", description="claim that is a person's name; an email counts only where it is verified"
    )
    oidc_groups_claim: str = Field(
        default="groups", description="claim with a person's groups, for the policy's roles"
    )
    token: SecretStr | None = Field(
        default=None, description="what the command line shows to the API at COUNTERSIGN_URL"
    )
    web_body_limit_bytes: int = Field(default=262_144, ge=1024, description="largest body of a request to the API")
    web_requests_per_minute: int = Field(
        default=600, ge=1, description="requests that one identity may make in a minute, on each web process"
    )
    web_proxies: Listed = Field(
        default=(), description="addresses of proxies whose X-Forwarded-For is believed, e.g. 127.0.0.1"
    )
    tls_certificate: Path | None = Field(
        default=None, description="certificate of `countersign web`, with its chain (PEM); unset, it has no TLS"
    )
    tls_key: Path | None = Field(default=None, description="the private key of that certificate (PEM)")
    tls_client_ca: Path | None = Field(
        default=None,
        description="authorities (PEM) whose certificates machines may show instead of a token; unset, nobody's",
    )
    tls_client_crl: Path | None = Field(
        default=None,
        description="what each of these authorities has revoked (CRLs, PEM); unset, nothing is looked up",
    )
    webhook_timeout_seconds: Seconds = Field(default=10, description="telling a webhook of one event")
    webhook_retry_seconds: Seconds = Field(
        default=5, description="pause before a webhook is told of an event again; triples, up to 720 times this"
    )
    metrics_token: SecretStr | None = Field(
        default=None,
        min_length=16,
        description="what Prometheus shows; without one the web process has no /metrics",
    )
    metrics_port: int | None = Field(
        default=None, ge=0, le=65535, description="where a worker shows its metrics; 0 is any free port"
    )
    metrics_host: str = Field(
        default="127.0.0.1",
        description="address of a worker's metrics; one that others reach needs the token",
    )
    database_timeout_seconds: Seconds = Field(default=5, description="connecting to PostgreSQL")


@lru_cache(maxsize=1)
def settings() -> Settings:
    """Return this process's settings, read once. Raises ConfigurationError naming the variable."""
    return load_settings()


def load_settings() -> Settings:
    """Read the settings afresh. Raises ConfigurationError naming the variable and what is wrong with it."""
    try:
        return Settings()
    except ValidationError as error:
        problem = error.errors()[0]
        name = "COUNTERSIGN_" + "_".join(str(part) for part in problem["loc"]).upper()
        raise ConfigurationError(f"{name}: {problem['msg']}", hint="see docs/operations.md, Settings") from None
