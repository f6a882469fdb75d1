"""Which passkeys somebody has in the policy, for the site that these pages are."""

from urllib.parse import urlsplit

from countersign.policy.document import Policy
from countersign.policy.signers import Signer
from countersign.settings import Settings


def site_of(settings: Settings) -> str | None:
    """Return the host that people reach the pages by, None where that is not known."""
    return urlsplit(settings.url).hostname if settings.url else None


def passkeys_of(policy: Policy, name: str, site: str | None) -> tuple[Signer, ...]:
    """Return the entries of `name` whose passkeys are good on `site`."""
    return tuple(each for each in policy.keys_of(name) if each.passkey is not None and each.passkey.site == site)
