"""Which names stand beside secrets."""

import re
from functools import lru_cache

MASK = "***"

_SECRET = re.compile(
    r"passw(or)?d|passphrase|passcode|pass(es)?$|pwd$|secret|token(?!i[sz])|credential|authorization|kubeconfig"
    r"|dsn$|cookie$|webhooks?([_.-]?(url|uri))?$|(^|[_.-])(pat|auth|sig)$|dockercfg|dockerconfigjson|x-amz-signature"
    r"|(api|access|private|signing|encryption|account|license|session|master|shared|storage|ssh|auth)[_.-]?key"
    r"|\.key$|connection[_.-]?string|密碼|密码|口令|金鑰|密钥|權杖|令牌",
    re.IGNORECASE,
)
# secretName, tokenPath, secret_ref … say where a secret is, not what it is. Vault's secret_id is one.
_POINTER = re.compile(
    r"(name|names|ref|refs|path|file|dir|(?<!secret)(?<!secret[_.-])id|type|count|seconds|version|expir\w*|endpoint"
    r"|policy|algorithm|issuer|audiences?"
    # Programs that have to do with secrets, as containers and objects are called.
    r"|service|svc|server|proxy|manager|operator|controller|provider|exporter|agent)$",
    re.IGNORECASE,
)
_WORKING_DIRECTORY = frozenset({"PWD", "OLDPWD"})
_TELLS_NOTHING = re.compile(
    r"(?:true|false|null|none|nil|<none>|<unset>|<nil>|<set to the key [^>\n]*>[^\n]*)[ \t\r]*(?=$|[\n,}\]])",
    re.IGNORECASE,
)
_LONGEST = 500


@lru_cache(maxsize=4096)
def names_a_secret(name: str) -> bool:
    """Tell whether a value of this name is to be kept from people's eyes."""
    # What a name ends in decides; one that is longer than any real name is not read as a whole.
    name = name[-_LONGEST:].strip(".-/")
    return bool(_SECRET.search(name)) and not _POINTER.search(name) and name not in _WORKING_DIRECTORY


def points_at_a_secret(pointer: str) -> bool:
    """Tell whether the value at this JSON pointer is one: by its last name, or as the data of a Secret."""
    first, _, rest = pointer.lstrip("/").partition("/")
    if first in ("data", "stringData"):
        return True
    return names_a_secret((rest or first).rpartition("/")[2].replace("~1", "/").replace("~0", "~"))


def tells_nothing(text: str, start: int) -> bool:
    """Tell whether what stands at `start` is no value: true, null, kubectl's <set to the key … in secret …>."""
    return _TELLS_NOTHING.match(text, start) is not None
