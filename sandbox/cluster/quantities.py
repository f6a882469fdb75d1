"""Kubernetes quantities ("500m", "128Mi"): reading, comparing and the canonical text.

The canonical form is the one of apimachinery's `resource.Quantity`: no fractions, the largest possible suffix.
"""

import re
from fractions import Fraction
from math import ceil

_BINARY = {"Ki": 1024, "Mi": 1024**2, "Gi": 1024**3, "Ti": 1024**4, "Pi": 1024**5, "Ei": 1024**6}
_DECIMAL = {
    "n": Fraction(1, 10**9), "u": Fraction(1, 10**6), "m": Fraction(1, 1000), "": Fraction(1),
    "k": Fraction(10**3), "M": Fraction(10**6), "G": Fraction(10**9), "T": Fraction(10**12), "P": Fraction(10**15),
    "E": Fraction(10**18),
}  # fmt: skip
_FORM = re.compile(r"^([+-]?(?:\d+\.?\d*|\.\d+))([numkMGTPE]|[KMGTPE]i|[eE][+-]?\d+)?$")


def quantity(text: object) -> Fraction:
    """Return the amount. Raises ValueError for what is no quantity."""
    found = _FORM.match(str(text))
    if not found:
        raise ValueError(f"{text!r} is no quantity")
    number, suffix = Fraction(found.group(1)), found.group(2) or ""
    if suffix in _BINARY:
        return number * _BINARY[suffix]
    if suffix in _DECIMAL:
        return number * _DECIMAL[suffix]
    return number * Fraction(10) ** int(suffix[1:])


def canonical(text: object) -> str:
    """Return the one text of that amount in the suffix family it was written in. Raises ValueError."""
    amount = quantity(text)
    if amount == 0:
        return "0"
    suffix = _FORM.match(str(text)).group(2) or ""  # type: ignore[union-attr]
    if suffix in _BINARY and amount.denominator == 1:
        for name, size in reversed(_BINARY.items()):
            if amount % size == 0:
                return f"{amount // size}{name}"
        return str(amount)
    for name, step in reversed(_DECIMAL.items()):
        if amount % step == 0:
            return f"{amount // step}{name}"
    return f"{ceil(amount * 10**9)}n"
