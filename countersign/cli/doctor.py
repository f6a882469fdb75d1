"""`countersign doctor`: try every connection and say what to do about what does not work."""

import asyncio
import base64
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any

import typer

from countersign.cli.clusters_saved import saved_clusters
from countersign.cli.doctor_retention import archive, prefect_keeps
from countersign.cli.exit_codes import CONFIGURATION
from countersign.cli.screen import say
from countersign.errors import ConfigurationError, CountersignError, TargetNotFound
from countersign.execution.clusters import ADD
from countersign.policy.document import Policy
from countersign.settings import Settings, load_settings
from countersign.targets.kubernetes.kubeconfig import ClusterSettings
from countersign.targets.kubernetes.kubeconfig_rules import allowances_of

_GRANT = (
    "`countersign clusters rbac` prints the role for kubectl apply; or take the operation out of the policy's "
    "allowed_operations"
)


@dataclass(frozen=True)
class Answer:
    """What one check found."""

    name: str
    fine: bool
    said: str
    hint: str | None = None


def run(
    security: Annotated[
        bool, typer.Option("--security", help="Say what of that which keeps attackers out holds here.")
    ] = False,
) -> None:
    """Try every connection, say what is wrong and what to do. Exit code 3 if anything is."""
    if security:
        from countersign.cli.doctor_security import show_security  # noqa: PLC0415

        if not show_security(load_settings()):
            raise typer.Exit(CONFIGURATION)
        return
    answers = examine(load_settings())
    for answer in answers:
        say(f"{'ok  ' if answer.fine else 'FAIL'}  {answer.name:12} {answer.said}")
        if answer.hint and not answer.fine:
            say(f"      {'':12} hint: {answer.hint}")
    if not all(answer.fine for answer in answers):
        raise typer.Exit(CONFIGURATION)


def examine(settings: Settings) -> list[Answer]:
    """Return one answer per connection. One that fails does not keep the others from being tried."""
    checks: list[tuple[str, Callable[[Settings], str]]] = [
        ("database", _database),
        ("role", role),
        ("redis", _redis),
        ("prefect", _prefect),
        ("workers", _workers),
        ("policy", policy),
        ("archive", archive),
        ("retention", prefect_keeps),
    ]
    return [
        *(_asked(name, partial(check, settings)) for name, check in checks),
        *_clusters(settings),
        _asked("hosts", partial(_hosts, settings)),
        *_channels(settings),
        *_chats(settings),
    ]


def _asked(name: str, check: Callable[[], str]) -> Answer:
    try:
        return Answer(name, True, check())
    except CountersignError as error:
        return Answer(name, False, error.message, error.hint)


def _database(settings: Settings) -> str:
    from countersign.cli.opened import records  # noqa: PLC0415
    from countersign.records.control import kill_switch  # noqa: PLC0415
    from countersign.records.database.engine import transaction  # noqa: PLC0415
    from countersign.records.database.migrate import head_revision  # noqa: PLC0415

    with records(settings) as engine, transaction(engine) as session:
        switch = kill_switch(session)
        stopped = f". Its kill switch is ON: {switch.reason}" if switch.is_on else ""
    return f"PostgreSQL answers, tables are at version {head_revision()}{stopped}"


def role(settings: Settings) -> str:
    """Return what the database role may do. Raises ConfigurationError where it may do too much."""
    from countersign.records.database.engine import connect, role_of  # noqa: PLC0415
    from countersign.records.database.rights import excess_rights  # noqa: PLC0415

    engine = connect(settings.database_url, timeout=settings.database_timeout_seconds)
    try:
        role, excess = role_of(engine), excess_rights(engine)
    finally:
        engine.dispose()
    if excess:
        more = f" and {len(excess) - 3} more" if len(excess) > 3 else ""
        raise ConfigurationError(
            f"the database role {role} {', '.join(excess[:3])}{more}: whoever holds it can change what happened",
            hint="`countersign migrate` with COUNTERSIGN_DATABASE_OWNER_URL gives a role only what it needs; see "
            "docs/operations.md, Database roles",
        )
    return f"{role} may do what Countersign does, and change no trail"


def _redis(settings: Settings) -> str:
    if settings.redis_url is None:
        return "not configured (COUNTERSIGN_REDIS_URL); host actions and working memory need it"
    from redis import Redis  # noqa: PLC0415
    from redis.backoff import NoBackoff  # noqa: PLC0415
    from redis.exceptions import RedisError  # noqa: PLC0415
    from redis.retry import Retry  # noqa: PLC0415

    try:
        with Redis.from_url(
            settings.redis_url.get_secret_value(), socket_connect_timeout=3, retry=Retry(NoBackoff(), 0)
        ) as client:
            client.ping()
    except (RedisError, OSError, ValueError) as error:
        raise ConfigurationError(
            f"Redis cannot be reached ({type(error).__name__})",
            hint="check COUNTERSIGN_REDIS_URL, e.g. redis://host:6379/0",
        ) from None
    return "Redis answers"


def _prefect(_settings: Settings) -> str:
    from prefect.settings import PREFECT_API_URL  # noqa: PLC0415

    return f"Prefect {ask_prefect('/admin/version')} answers at {PREFECT_API_URL.value()}"


def ask_prefect(what: str) -> Any:
    """Return what Prefect's API answers to a question. Raises ConfigurationError where it does not."""
    import httpx  # noqa: PLC0415
    from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL  # noqa: PLC0415

    address = PREFECT_API_URL.value()
    if not address:
        raise ConfigurationError("PREFECT_API_URL is not set", hint="`countersign up` starts a Prefect server here")
    try:
        known = _authorization(PREFECT_API_AUTH_STRING.value())
        answer = httpx.get(f"{address}{what}", timeout=5, headers=known)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            raise ConfigurationError(
                f"Prefect's API at {address} does not know this user",
                hint="set PREFECT_API_AUTH_STRING as the server has PREFECT_SERVER_API_AUTH_STRING",
            )
        answer.raise_for_status()
    except httpx.HTTPError as error:
        raise ConfigurationError(
            f"Prefect's API at {address} does not answer ({type(error).__name__})",
            hint="check PREFECT_API_URL; it ends in /api, for example http://127.0.0.1:4200/api",
        ) from None
    return answer.json()


def _authorization(known: str | None) -> dict[str, str]:
    """Return the header by which Prefect's server knows its clients (HTTP Basic)."""
    return {"Authorization": f"Basic {base64.b64encode(known.encode()).decode()}"} if known else {}


def _workers(_settings: Settings) -> str:
    from countersign.worker.availability import takers_of  # noqa: PLC0415
    from countersign.worker.run_starter import EXECUTE_APPROVAL  # noqa: PLC0415

    takers = asyncio.run(takers_of(EXECUTE_APPROVAL))
    if takers.obstacle is not None:
        raise takers.obstacle
    return takers.summary


def policy(settings: Settings) -> str:
    """Return what policy is in force. Raises ConfigurationError, Tampered."""
    from countersign.cli.opened import records  # noqa: PLC0415
    from countersign.execution.policy.inspection import check_policy  # noqa: PLC0415

    with records(settings) as engine:
        return str(check_policy(settings, engine))


def _clusters(settings: Settings) -> list[Answer]:
    """Connect to every cluster, and say what kubeconfigs may do and which of them does it."""
    try:
        clusters = saved_clusters(settings)
    except ConfigurationError as error:
        return [Answer("cluster", False, error.message, error.hint)]
    if not clusters:
        return [Answer("cluster", False, "no cluster is connected", f"{ADD} (docs/clusters.md)")]
    answers: list[Answer] = []
    for cluster in clusters:
        found = _asked("cluster", cluster.check)
        answers.append(found)
        if found.fine and cluster.saved is not None:
            answers += _rights(settings, cluster.saved.settings())
    if not any(cluster.is_default for cluster in clusters):
        said = "none is the default one, so every request has to name one"
        answers.append(Answer("cluster", True, said))
    allowed = allowances_of(settings).said
    uses = [f"{cluster.name} uses {', '.join(cluster.uses)}" for cluster in clusters if cluster.uses]
    if allowed or uses:
        said = f"kubeconfigs may have {', '.join(allowed) or 'nothing special'}; {'; '.join(uses) or 'none does'}"
        answers.append(Answer("cluster", True, said))
    return answers


def _rights(settings: Settings, cluster: ClusterSettings) -> list[Answer]:
    """Say which rights the cluster's user lacks for what the policy allows, one by one."""
    from countersign.cli.doctor_rights import rights_missing  # noqa: PLC0415

    try:
        missing = rights_missing(settings, cluster)
    except TargetNotFound:
        return [Answer("rights", True, f"{cluster.name} does not say what this user may do")]
    except CountersignError as error:
        return [Answer("rights", False, error.message, error.hint)]
    if not missing:
        return [Answer("rights", True, f"{cluster.name}: this user may do all that the policy's operations need")]
    answers = [Answer("rights", False, f"{cluster.name}: this user {one}") for one in missing]
    return [*answers[:-1], replace(answers[-1], hint=_GRANT)]


def _hosts(settings: Settings) -> str:
    from blocks import SSHHosts  # noqa: PLC0415
    from blocks.loading import BlockMissing, load_block  # noqa: PLC0415

    try:
        hosts = asyncio.run(load_block(SSHHosts, settings.hosts_block))
    except BlockMissing:
        return f"no SSHHosts block {settings.hosts_block!r}; only host actions need one"
    if settings.redis_url is None:
        raise ConfigurationError(
            "hosts are configured, but no Redis: nothing that changes a host will be let through",
            hint="set COUNTERSIGN_REDIS_URL, e.g. redis://host:6379/0",
        )
    return hosts.check()


def _channels(settings: Settings) -> list[Answer]:
    """Look at every channel without sending anything."""
    from blocks.loading import BlockMissing  # noqa: PLC0415
    from countersign.aftermath.notifications.trial import look_at_bot, look_at_channel  # noqa: PLC0415
    from countersign.cli.channels import load_channels  # noqa: PLC0415

    try:
        told = load_channels(settings.channels_block)
    except BlockMissing:
        said = f"no NotificationChannels block {settings.channels_block!r}, so nobody is told how executions end"
        return [Answer("channels", True, said)]
    except ConfigurationError as error:
        return [Answer("channels", False, error.message, error.hint)]
    looks = [(one.name, partial(look_at_channel, one)) for one in told.channels]
    if told.bot is not None:
        looks.append(("Telegram bot", partial(look_at_bot, told.bot)))
    answers = [_about(name, _asked("channels", look)) for name, look in looks]
    if not told.enabled or not settings.notify:
        answers.append(Answer("channels", True, "notifications are switched off"))
    if looks:
        said = "nothing was sent; `countersign channels test` sends each a test message"
        answers.append(Answer("channels", True, said))
    elif told.enabled and settings.notify:
        answers.append(Answer("channels", True, "the block names none, so nobody is told how executions end"))
    return answers


def _chats(settings: Settings) -> list[Answer]:
    """Look at the chats in which people sign, without sending anything there."""
    from blocks.loading import BlockMissing  # noqa: PLC0415
    from countersign.cli.chat import load_chats  # noqa: PLC0415
    from countersign.cli.doctor_chats import looks_at  # noqa: PLC0415

    try:
        looks = looks_at(settings, load_chats(settings.chats_block), read_policy(settings))
    except BlockMissing:
        said = f"no ChatApprovals block {settings.chats_block!r}, so nobody signs in a chat"
        return [Answer("chats", True, said)]
    except CountersignError as error:
        return [Answer("chats", False, error.message, error.hint)]
    return [_asked("chats", look) for look in looks] or [Answer("chats", True, "the block names no app")]


def read_policy(settings: Settings) -> Policy:
    """Return the policy in force. Raises ConfigurationError, PolicyNotTrusted, DatabaseUnavailable."""
    from countersign.cli.opened import records  # noqa: PLC0415
    from countersign.execution.policy.in_force import policy_source  # noqa: PLC0415

    with records(settings) as engine:
        return policy_source(settings, engine).read().policy


def _about(name: str, answer: Answer) -> Answer:
    hint = answer.hint or "mend it in the NotificationChannels block; `countersign channels test` tries it"
    return replace(answer, said=f"{name}: {answer.said}", hint=None if answer.fine else hint)
