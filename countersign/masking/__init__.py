"""Keep secrets out of what is shown: reports, messages, names of runs, logs.

An action or the output of a command may hold a secret that nobody marked as one (`set env DB_PASSWORD=…`). What is
recognised is shown as ***:

- by shape (`shapes`): private keys, tokens that look like nothing else, passwords in addresses;
- by name (`names`): what stands beside a name such as DB_PASSWORD, on its line (`named`) or below it (`blocks`).

In doubt more is masked than has to be. The approval's own row keeps the text: it is what was signed and what runs.
Every rule reads a text once from its beginning to its end, so megabytes of output, and texts made to take long, take
time in proportion to their length.
"""

from countersign.masking.blocks import without_blocks
from countersign.masking.named import without_named
from countersign.masking.names import MASK, names_a_secret
from countersign.masking.shapes import without_shapes
from countersign.masking.values import masked_by

__all__ = ["MASK", "masked", "masked_values", "names_a_secret"]


_MOST_ROUNDS = 8


def masked(text: str) -> str:
    """Return `text` with every value replaced by *** that its shape, its name or its place makes a secret.

    Repeated until nothing changes, since a mask may end what hid another value; two rounds are nearly always enough.
    """
    for _ in range(_MOST_ROUNDS):
        before, text = text, without_named(without_blocks(without_shapes(text)))
        if text == before:
            break
    return text


masked_values = masked_by(masked)
