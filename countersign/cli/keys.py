"""`countersign keys`: keys to sign approvals with, and who has which."""

import os
from pathlib import Path
from typing import Annotated

import typer

from countersign.cli.policy_text import PolicyText, read_policy_text
from countersign.cli.screen import say
from countersign.errors import CountersignError, InvalidInput
from countersign.policy.chat_accounts import PREFIX, ChatAccount
from countersign.policy.entering import entry_of, with_signer
from countersign.policy.keys import generate_ed25519, load_public_key
from countersign.policy.passkeys import Passkey
from countersign.policy.risk import RiskLevel
from countersign.policy.signers import Signer
from countersign.settings import load_settings

commands = typer.Typer(name="keys", help="Keys to sign approvals with.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Whose key it is, as the policy will call them.")]
MaySign = Annotated[RiskLevel, typer.Option("--may-sign", help="The highest risk that it counts for.")]


@commands.command()
def new(
    name: Name,
    to: Annotated[
        Path | None,
        typer.Option("--to", help="Where the private key goes; NAME.key in this folder unless said."),
    ] = None,
    enter: Annotated[bool, typer.Option("--enter", help="Also enter the public key in the policy.")] = False,
    may_sign: MaySign = RiskLevel.CRITICAL,
) -> None:
    """Make a key pair: the private key goes to a file, the policy's entry for the public key is printed."""
    private, public = generate_ed25519()
    signer = _signer(name, public, may_sign)
    policy = read_policy_text(load_settings()) if enter else None
    # What is wrong with the policy is said before there is a key.
    entered = with_signer(policy.text, signer, source=policy.source) if policy is not None else ""
    path = to or Path(f"{name.replace('/', '_')}.key")
    _write_private(path, private.get_secret_value())
    say(f"The private key is in {path}. Keep it; whoever has it can sign as {signer.name}.", err=True)
    if policy is not None:
        _keep(policy, entered, signer)
        return
    say("Add this to the policy (`--enter` does):", err=True)
    say(f"signers:\n{entry_of(signer)}")


@commands.command()
def enter(
    name: Name,
    public_key: Annotated[
        str,
        typer.Argument(
            help="Their public key: what `keys new` printed, PEM, an ssh-ed25519 line, passkey:SITE:KEY; "
            "or their account: chat:slack:TEAM:MEMBER, chat:discord:SERVER:USER, chat:telegram:USER."
        ),
    ],
    may_sign: MaySign = RiskLevel.CRITICAL,
) -> None:
    """Enter somebody's public key, passkey or chat account in the policy, so that they can sign."""
    passkey, chat = _passkey(public_key), _chat(public_key)
    try:
        if passkey is None and chat is None:
            load_public_key(public_key)
    except ValueError as error:
        raise InvalidInput(
            f"the public key {error}" if str(error).startswith("is ") else "the public key cannot be read",
            hint="give base64 of the 32 bytes, PEM or an ssh-ed25519 line; `countersign keys new NAME` prints it",
        ) from None
    public = public_key if passkey is None and chat is None else None
    signer, policy = _signer(name, public, may_sign, passkey, chat), read_policy_text(load_settings())
    _keep(policy, with_signer(policy.text, signer, source=policy.source), signer)


def _passkey(text: str) -> Passkey | None:
    """Read what the pages print of a passkey, passkey:SITE:KEY; None for any other key. Raises InvalidInput."""
    word, _, rest = text.partition(":")
    if word != "passkey":
        return None
    site, _, key = rest.partition(":")
    try:
        return Passkey(site=site, key=key)
    except ValueError:
        raise InvalidInput(
            "the passkey cannot be read", hint="copy passkey:SITE:KEY as the page for making a passkey shows it"
        ) from None


def _chat(text: str) -> ChatAccount | None:
    """Read an account of a chat, None for any other key. Raises InvalidInput."""
    if not text.startswith(PREFIX):
        return None
    try:
        return ChatAccount.read(text)
    except ValueError:
        raise InvalidInput(
            "the account cannot be read",
            hint="chat:slack:TEAM:MEMBER, chat:discord:SERVER:USER or chat:telegram:USER",
        ) from None


def _signer(
    name: str,
    public: str | None,
    may_sign: RiskLevel,
    passkey: Passkey | None = None,
    chat: ChatAccount | None = None,
) -> Signer:
    try:
        return Signer(name=name, ed25519=public, passkey=passkey, chat=chat, may_sign=may_sign)
    except ValueError:
        raise InvalidInput(
            f"the name {name!r} cannot be a signer's", hint="1 to 200 printable characters, e.g. alice@example.com"
        ) from None


def _keep(policy: PolicyText, text: str, signer: Signer) -> None:
    try:
        said = policy.keep(text, f"{signer.name} may sign up to the risk {signer.may_sign}")
    except CountersignError:
        say(f"Not entered. The policy's entry is\nsigners:\n{entry_of(signer)}", err=True)
        raise
    say(f"{signer.name} may sign up to the risk {signer.may_sign}: {said}.", err=True)


def _write_private(path: Path, text: str) -> None:
    try:
        # Made with its final permissions, and never over a key that exists.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise InvalidInput(
            f"{path} exists already", hint="choose another with --to; a key is never overwritten"
        ) from None
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written: {error.strerror}", hint="choose another with --to") from None
    with os.fdopen(descriptor, "w", encoding="ascii") as stream:
        stream.write(text)
