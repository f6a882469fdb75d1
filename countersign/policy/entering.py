"""Entering a signer in a policy's text, which otherwise stays as its author wrote it, comments included."""

import json
from collections.abc import Sequence

import yaml

from countersign.errors import ConfigurationError, InvalidInput
from countersign.policy.document import Policy
from countersign.policy.loading import load_policy
from countersign.policy.risk import RiskLevel
from countersign.policy.roles import Role
from countersign.policy.signers import Signer

FIRST = """\
protected_namespaces: [kube-system, kube-public, kube-node-lease]
max_affected_pods: 50
"""
"""What a first policy begins with; the defaults hold for the rest, and signers are entered."""


def first_text(name: str) -> str:
    """Return what a first policy begins with on a machine whose administrator is `name`, who has every role."""
    # JSON's strings are YAML's too, whatever the name has in it.
    subject = json.dumps(name, ensure_ascii=False)
    return f"{FIRST}roles:\n- roles: [{', '.join(Role)}]\n  subjects: [{subject}]\n"


def entry_of(signer: Signer) -> str:
    """Return the policy's entry for a signer with a public key or an account, as YAML below `signers:`."""
    return "\n".join(f"  {line}" for line in _lines(signer))


def with_signer(text: str, signer: Signer, *, source: str = "policy") -> str:
    """Return the policy's text with one signer more.

    A passkey or a chat's account may be entered beside somebody's other key, for no more than that one may sign.

    Raises ConfigurationError where the text is no policy, InvalidInput where the name has such an entry already or
    the text is of a form in which no place for another one is found.
    """
    before = load_policy(text, source=source)
    _require_new(before.keys_of(signer.name), signer, source)
    entered = _entered(text, signer)
    if not _is_that(entered, before, signer):
        raise InvalidInput(
            f"the signers of {source} are not written as a list, one entry after the other",
            hint=f"enter this by hand:\nsigners:\n{entry_of(signer)}",
        )
    return entered


def _require_new(known: Sequence[Signer], signer: Signer, source: str) -> None:
    second = signer.passkey is not None or signer.chat is not None
    others = [one for one in known if one.passkey is None and one.chat is None]
    if known and (not second or signer.key_id in {one.key_id for one in known} or not others):
        raise InvalidInput(
            f"{source} has a signer {signer.name!r} already",
            hint="a person's second key is entered by hand, with the risk that the first one may sign",
        )
    if others and not any(one.may_sign.covers(signer.may_sign) for one in others):
        highest = others[0].may_sign
        raise InvalidInput(
            f"{source} lets {signer.name!r} sign up to {highest} risk, and not {signer.may_sign}",
            hint=f"--may-sign {highest}",
        )


def _is_that(text: str, before: Policy, signer: Signer) -> bool:
    try:
        after = load_policy(text)
    except ConfigurationError:
        return False
    expected = before.model_copy(update={"signers": ()}), {*before.signers, signer}
    return (after.model_copy(update={"signers": ()}), set(after.signers)) == expected


def _entered(text: str, signer: Signer) -> str:
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    assert isinstance(root, yaml.MappingNode)  # it is a policy
    signers = next((value for key, value in root.value if key.value == "signers"), None)
    if signers is None:
        return f"{text.rstrip()}\nsigners:\n{entry_of(signer)}\n"
    assert isinstance(signers, yaml.SequenceNode)
    at = signers.start_mark.index
    if signers.flow_style:
        comma = ", " if signers.value else ""
        return f"{text[: at + 1]}{{{', '.join(_fields(signer))}}}{comma}{text[at + 1 :]}"
    margin = " " * signers.start_mark.column
    return f"{text[:at]}{f'{chr(10)}{margin}'.join(_lines(signer))}\n{margin}{text[at:]}"


def _lines(signer: Signer) -> list[str]:
    first, *others = _fields(signer)
    return [f"- {first}", *(f"  {one}" for one in others)]


def _fields(signer: Signer) -> list[str]:
    # JSON's strings are YAML's too, whatever the name has in it.
    fields = [f"name: {json.dumps(signer.name, ensure_ascii=False)}"]
    if signer.passkey is not None:
        fields.append(f"passkey: {{site: {signer.passkey.site}, key: {signer.passkey.key}}}")
    elif signer.chat is not None:
        chat = signer.chat
        workspace = f"workspace: {json.dumps(chat.workspace)}, " if chat.workspace else ""
        fields.append(f"chat: {{service: {chat.service}, {workspace}account: {json.dumps(chat.account)}}}")
    else:
        fields.append(f"ed25519: {signer.ed25519}")
    if signer.may_sign is not RiskLevel.CRITICAL:
        fields.append(f"may_sign: {signer.may_sign}")
    return fields
