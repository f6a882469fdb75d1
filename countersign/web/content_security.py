"""What a page may load and do, for every answer that a browser may show.

The policy begins at nothing and lets in what the pages are made of, all of it from their own address. There is no
exception: no inline script or style, no other origin, nobody who frames a page.
"""

from typing import Final

DIRECTIVES: Final = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
}

POLICY: Final = "; ".join(f"{name} {value}" for name, value in DIRECTIVES.items())

HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""Sent with every page. What is on a page is its reader's alone, so no cache keeps it (`NOT_KEPT`)."""

NOT_KEPT: Final = {"Cache-Control": "no-store"}
