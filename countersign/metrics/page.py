"""`python -m countersign.metrics.page docs/metrics.md`: write the table of all metrics into its page."""

import sys
from pathlib import Path
from typing import Final

from countersign.metrics import audit, records, web, worker
from countersign.metrics.family import DECLARED, Family, Histogram, Label

BEGIN: Final = "<!-- the table is made: python -m countersign.metrics.page docs/metrics.md -->\n"
END: Final = "<!-- up to here -->\n"
SHOWN: Final = 12
"""Values of a label that are named; more are counted."""
_ALL: Final = (audit, records, web, worker)


def with_table(page: str) -> str:
    """Return the page with the table of what is declared."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def table() -> str:
    """Return a line for each metric, by name."""
    lines = ["| metric | type | labels | by | tells |", "|---|---|---|---|---|"]
    for family in sorted(DECLARED, key=lambda one: one.name):
        labels = "; ".join(map(_label, family.labels))
        lines.append(f"| `{family.name}` | {family.kind} | {labels} | {_by(family)} | {_told(family)} |")
    return "\n".join(lines) + "\n"


def _label(label: Label) -> str:
    if not label.values:
        return f"`{label.name}` (at most {label.most}, then `other`)"
    if len(label.values) > SHOWN:
        return f"`{label.name}` ({len(label.values)})"
    return f"`{label.name}`: {', '.join(label.values)}"


def _by(family: Family) -> str:
    return ", ".join(process.value for process in family.where)


def _told(family: Family) -> str:
    if isinstance(family, Histogram):
        return f"{family.told} Buckets: {', '.join(f'{bound:g}' for bound in family.buckets)}"
    return family.told


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(with_table(path.read_text()))
