"""Secrets that their own shape gives away, wherever they stand: keys, tokens, passwords in addresses.

Adding one is a line in `_TOKENS`. A shape has to be unlike everything that reports are read for: names with a hash,
digests, uids, revisions, times.
"""

import re
from base64 import b64decode
from binascii import Error as NotBase64

from countersign.masking.names import MASK
from countersign.masking.quoting import end_of_enclosing

# To its end line, or to the text's end where output was cut.
_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?:[^-]|-(?!----END ))*+(?:-----END [A-Z0-9 ]{0,60}-----)?"
)
_TOKENS = re.compile(
    r"(?<![A-Za-z0-9_-])(?:"
    r"eyJ[\w-]{8,}+\.[\w-]{8,}+(?:\.[\w-]*+){0,3}"  # JWT
    # A PEM text in base64, as in the data of a Secret, unless it is a certificate or a public key.
    r"|LS0tLS1CRUdJTi(?!BDRVJU|BQVUJMSUM)[A-Za-z0-9+/=]{20,}+"
    r"|gh[opusr]_[A-Za-z0-9]{20,}+|github_pat_\w{20,}+"
    r"|gl(?:pat|dt|rt|ptt|cbt|ft|soat|imt|agent|oas|ffct)-[\w-]{16,}+"
    r"|(?:xox[a-z]|xapp)-[\w-]{10,}+"
    r"|(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])(?:[\s:,;|\"']{1,8}[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=]))?"  # AWS
    r"|AIza[\w-]{35}|ya29\.[\w-]{20,}+"  # Google
    r"|sk-(?:(?:proj|ant|svcacct|admin|or)-[\w-]{20,}+|[A-Za-z0-9]{32,}+)|[rsw](?:k|hsec)_(?:live|test)_\w{10,}+"
    r"|npm_[A-Za-z0-9]{30,}+|pypi-[\w-]{50,}+|hf_[A-Za-z0-9]{30,}+|dop_v1_[a-f0-9]{40,}+|hv[sbr]\.[\w-]{20,}+"
    r"|cs[tls]_[0-9a-f]{32}_[\w-]{20,}+"  # Countersign's own: tokens, login codes, sessions
    r"|whsec_[A-Za-z0-9+/]{24,}+=*+"  # Standard Webhooks, ours among them
    r"|SG\.[\w-]{16,}+\.[\w-]{16,}+"
    r")"
)
# Bots of Telegram, also behind "bot" in a path.
_TELEGRAM = re.compile(r"(?<!\d)\d{6,12}:AA[\w-]{28,}+")
# An address that whoever knows it may post to.
_WEBHOOK = re.compile(
    r"(?P<head>https://(?:hooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)/"
    r"|(?:[\w-]{1,20}\.)?discord(?:app)?\.com/api(?:/v\d{1,2})?/webhooks/"
    r"|[\w.-]{1,80}\.webhook\.office\.com/|outlook\.office(?:365)?\.com/webhook/"
    r"|[\w.-]{1,80}\.logic\.azure\.com(?::\d{1,5})?/|[\w.-]{1,80}\.powerplatform\.com(?::\d{1,5})?/"
    r"|chat\.googleapis\.com/v1/spaces/))[^\s\"'<>\\]++",
    re.IGNORECASE,
)
_SCHEME = re.compile(
    r"(?P<head>(?<![A-Za-z0-9])(?P<kind>Bearer|Basic)[ \t]{1,4})(?P<value>[\w.~+/-]{4,}+=*+)", re.IGNORECASE
)
_ADDRESS = re.compile(r"(?<![A-Za-z0-9+.-])[A-Za-z][A-Za-z0-9+.-]{0,30}://(?=(?P<user>[^\s/:@\"']{0,200}))(?P=user):")
_WORD = re.compile(r"\S*+")


def without_shapes(text: str) -> str:
    """Return `text` with what looks like a secret by itself replaced by ***."""
    if "-----BEGIN " in text:
        text = _PRIVATE_KEY.sub(MASK, text)
    text = _TOKENS.sub(MASK, text)
    text = _TELEGRAM.sub(MASK, text)
    text = _SCHEME.sub(_scheme, text)
    if "://" in text:
        text = _WEBHOOK.sub(rf"\g<head>{MASK}", text)
        text = _without_passwords(text)
    return text


def _scheme(found: re.Match[str]) -> str:
    """Mask the value of an Authorization header; "Basic authentication" in a sentence stays."""
    value = found["value"]
    if found["kind"].lower() == "basic":
        secret = _is_user_and_password(value)
    else:
        secret = len(value) >= 16 or re.search(r"\d|[a-z][A-Z]|[~+/=]", value) is not None
    return f"{found['head']}{MASK}" if secret else found[0]


def _is_user_and_password(value: str) -> bool:
    try:
        return b":" in b64decode(value + "=" * (-len(value) % 4), validate=True)
    except NotBase64:
        return False


def _without_passwords(text: str) -> str:
    """Mask scheme://user:password@host up to the last @, since passwords may hold @ and / as they are."""
    shown, done, at = [], 0, 0
    while found := _ADDRESS.search(text, at):
        start = found.end()
        end = end_of_enclosing(text, found.start())
        if end is None:
            word = _WORD.match(text, start)
            end = word.end() if word else start
        host = text.rfind("@", start, end)
        at = max(end, start)
        if host > start:
            shown += [text[done:start], MASK]
            done = host
    return "".join([*shown, text[done:]])
