"""`countersign doctor --security`: which of the things that keep an attacker out hold here.

One function each, in the order of CHECKS; it returns what holds, and raises what does not with the way out. A new one
is a function and its line there.
"""

import asyncio
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from rich.markup import escape
from rich.table import Table
from sqlalchemy.exc import SQLAlchemyError

from countersign.cli.console import screen
from countersign.cli.options import user_here
from countersign.errors import ConfigurationError, CountersignError
from countersign.escaping import visible
from countersign.execution.outward import SETTING, why_address
from countersign.settings import Settings
from countersign.targets.kubernetes.kubeconfig_rules import allowances_of
from countersign.texts import text

Check = Callable[[Settings], str]


def database_role(settings: Settings) -> str:
    """The role that is used cannot change what happened."""
    from countersign.cli.doctor import role  # noqa: PLC0415

    return role(settings)


def policy(settings: Settings) -> str:
    """The policy in force is a record that its administrators signed."""
    from countersign.cli.doctor import policy as in_force  # noqa: PLC0415

    if settings.policy_file is not None:
        raise ConfigurationError(
            f"the policy is the file {settings.policy_file}, which nobody signed",
            hint="`countersign policy propose FILE`, and have administrators sign it",
        )
    return in_force(settings)


def prefect(_settings: Settings) -> str:
    """Prefect's API asks who is there."""
    import httpx  # noqa: PLC0415
    from prefect.settings import PREFECT_API_URL  # noqa: PLC0415

    address = PREFECT_API_URL.value()
    if not address:
        raise ConfigurationError("PREFECT_API_URL is not set", hint="`countersign up` starts a Prefect server here")
    try:
        # By nobody: without the environment's credentials.
        answer = httpx.post(f"{address}/flows/filter", json={"limit": 1}, timeout=5, trust_env=False)
    except httpx.HTTPError as error:
        raise ConfigurationError(f"Prefect's API at {address} does not answer ({type(error).__name__})") from None
    if answer.status_code not in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        raise ConfigurationError(
            f"Prefect's API at {address} answers whoever asks",
            hint="set PREFECT_SERVER_API_AUTH_STRING where the server runs, and PREFECT_API_AUTH_STRING elsewhere",
        )
    return f"Prefect's API at {address} answers nobody whom it does not know"


def trust_files(settings: Settings) -> str:
    """The keys that no database may hold are files of this user alone."""
    folder = settings.trust_dir
    if folder is None:
        raise ConfigurationError(
            "COUNTERSIGN_TRUST_DIR is not set", hint="`countersign trust init DIR`, and set it to DIR"
        )
    try:
        files = [folder, *(Path(found.path) for found in os.scandir(folder) if found.is_file())]
        shared = [path for path in files if stat.S_IMODE(path.stat().st_mode) & 0o077]
    except OSError as error:
        raise ConfigurationError(f"{folder} cannot be read: {error.strerror}", hint="check its owner") from None
    if shared:
        raise ConfigurationError(
            f"others may read or write {', '.join(map(str, shared))}",
            hint=f"chmod 700 {folder}; chmod 600 {folder}/*",
        )
    return f"{len(files) - 1} files in {folder}, for this user alone"


def state_folder(settings: Settings) -> str:
    """What `countersign up` keeps is for this user alone."""
    folder = settings.state_dir
    if not folder.exists():
        return "no stack was started in this folder"
    # As root, PostgreSQL's user passes through it, and lists nothing.
    shared = [folder] if folder.is_symlink() or stat.S_IMODE(folder.stat().st_mode) & 0o067 else []
    for parent, _, names in os.walk(folder):
        files = [Path(parent) / name for name in names]
        shared += [file for file in files if not _is_private(file)]
    if shared:
        more = f" and {len(shared) - 3} more" if len(shared) > 3 else ""
        raise ConfigurationError(
            f"others may read or write, or have placed: {', '.join(map(str, shared[:3]))}{more}",
            hint=f"chmod 700 {folder}, chmod 600 what is named, and find out who was there",
        )
    return f"everything in {folder} is for this user alone"


def _is_private(file: Path) -> bool:
    try:
        found = file.lstat()
    except FileNotFoundError:  # a log that was rotated, a temporary file of the database's
        return True
    return not stat.S_ISREG(found.st_mode) or not stat.S_IMODE(found.st_mode) & 0o077


def audit(settings: Settings) -> str:
    """The trail is sealed, and its head is signed by the key that is here."""
    from countersign.audit.heads import head_path, read_head, sealer_of  # noqa: PLC0415
    from countersign.cli.opened import records  # noqa: PLC0415
    from countersign.records.audit_tree import waiting_rows  # noqa: PLC0415
    from countersign.records.database.engine import transaction  # noqa: PLC0415

    head = read_head(head_path(settings), sealer_of(settings).verifier)
    if head is None:
        raise ConfigurationError("the audit is not sealed yet", hint="a worker seals it; or `countersign audit seal`")
    with records(settings) as engine, transaction(engine) as session:
        rows, seconds = waiting_rows(session)
    return f"{head.size} rows are sealed, {rows} wait (for {seconds:.0f} s); `countersign audit verify` looks at all"


def kubeconfigs(settings: Settings) -> str:
    """Kubeconfigs in blocks run nothing, read nothing and trust nobody else."""
    allowed = allowances_of(settings).said
    if allowed:
        raise ConfigurationError(
            f"kubeconfigs may have {', '.join(allowed)}: whoever may save a block can use that",
            hint="take the settings away where no cluster needs them (docs/security.md, Clusters)",
        )
    return "kubeconfigs run no programs, read no files, use no proxy and verify the server"


def addresses(settings: Settings) -> str:
    """Probes and channels do not reach the machine itself or a cloud's metadata."""
    if settings.allowed_local_addresses:
        raise ConfigurationError(
            f"probes and channels may reach {', '.join(settings.allowed_local_addresses)}",
            hint=f"take out of {SETTING} what no probe and no channel needs",
        )
    return "probes and channels reach neither this machine nor a cloud's metadata"


def channels(settings: Settings) -> str:
    """Every channel is sent to by TLS, to an address that may be reached."""
    from urllib.parse import urlsplit  # noqa: PLC0415

    from blocks.loading import BlockMissing  # noqa: PLC0415
    from countersign.aftermath.notifications.apprise_channel import open_service  # noqa: PLC0415
    from countersign.cli.channels import load_channels  # noqa: PLC0415
    from countersign.execution.channels import bot_address  # noqa: PLC0415

    try:
        told = load_channels(settings.channels_block)
    except BlockMissing:
        return "nobody is told"
    hosts = [(one.name, getattr(open_service(one), "host", None)) for one in told.channels]
    if told.bot is not None:
        hosts.append(("Telegram bot", urlsplit(bot_address(told.bot.api)).hostname))
    refused = [name for name, host in hosts if host and why_address(host, listed=settings.allowed_local_addresses)]
    if refused:
        raise ConfigurationError(
            f"nothing is sent to {', '.join(refused)}: the address is this machine or a cloud's metadata",
            hint="correct the NotificationChannels block",
        )
    plain = [
        one.name
        for one in told.channels
        if getattr(service := open_service(one), "secure", True) is False
        or not getattr(service, "verify_certificate", True)
    ]
    if plain:
        raise ConfigurationError(
            f"{', '.join(plain)}: sent without TLS, or whoever answers is believed",
            hint="use the service's address with s (jsons://), and leave verify=no out",
        )
    return f"{len(hosts)} are told, by TLS"


def chats(settings: Settings) -> str:
    """Clicks in chats come by TLS, and are signed for by a key that the policy names."""
    from blocks.loading import BlockMissing  # noqa: PLC0415
    from countersign.chat.services import services_of  # noqa: PLC0415
    from countersign.cli.chat import load_chats  # noqa: PLC0415
    from countersign.cli.doctor import read_policy  # noqa: PLC0415
    from countersign.cli.doctor_chats import address, key, plain_services  # noqa: PLC0415

    try:
        found = load_chats(settings.chats_block)
    except BlockMissing:
        return "nobody signs in a chat"
    apps = services_of(found)
    if not apps:
        return "nobody signs in a chat"
    if plain := plain_services(found):
        raise ConfigurationError(
            f"{', '.join(plain)}: asked without TLS", hint="correct the API's address in the ChatApprovals block"
        )
    return f"{'; '.join((address(settings), key(settings, read_policy(settings))))} ({', '.join(apps)})"


def hosts(settings: Settings) -> str:
    """Approval keys in Redis count only with a secret that Redis does not have."""
    from blocks import SSHHosts  # noqa: PLC0415
    from blocks.loading import BlockMissing, load_block  # noqa: PLC0415
    from countersign.secret_files import read_secret_file  # noqa: PLC0415
    from countersign.targets.hosts.keys import SECRET_FILE  # noqa: PLC0415

    try:
        asyncio.run(load_block(SSHHosts, settings.hosts_block))
    except BlockMissing:
        return "no hosts are acted on"
    try:
        read_secret_file(settings.trust_dir, SECRET_FILE)
    except ConfigurationError as error:
        if settings.trust_dir is None or (settings.trust_dir / SECRET_FILE).exists():
            raise error from None
        return "the secret of approval keys is made with the first action on a host"
    return "approval keys carry a MAC whose secret is not in Redis"


CHECKS: Final[tuple[tuple[str, Check], ...]] = (
    ("database_role", database_role),
    ("policy", policy),
    ("prefect", prefect),
    ("trust_files", trust_files),
    ("state_folder", state_folder),
    ("audit", audit),
    ("kubeconfigs", kubeconfigs),
    ("addresses", addresses),
    ("channels", channels),
    ("chats", chats),
    ("hosts", hosts),
)


def show_security(settings: Settings) -> bool:
    """Print the table. Return whether all of it holds."""
    table = Table(text("security.what"), text("security.holds"), text("security.found"), box=None)
    fine, missing = True, []
    for name, check in CHECKS:
        try:
            holds, said, hint = True, check(settings), None
        except CountersignError as error:
            holds, said, hint, fine = False, error.message, error.hint, False
            missing.append(name)
        verdict = text("security.yes") if holds else f"[red]{text('security.no')}[/]"
        more = f"\n{text('security.hint')}: {hint}" if hint else ""
        table.add_row(text(f"security.{name}"), verdict, escape(visible(said + more, lines=True)))
    screen().print(table)
    _tell_checked(settings, missing)
    return fine


def _tell_checked(settings: Settings, missing: list[str]) -> None:
    """Put on the audit what did not hold at this moment. Records that cannot be reached have their line above."""
    from countersign.cli.opened import records  # noqa: PLC0415
    from countersign.records.audit import Event, record  # noqa: PLC0415
    from countersign.records.database.engine import transaction  # noqa: PLC0415

    with suppress(CountersignError, SQLAlchemyError), records(settings) as engine, transaction(engine) as session:
        record(session, Event.SECURITY_CHECKED, actor=user_here(), details={"does_not_hold": missing})
