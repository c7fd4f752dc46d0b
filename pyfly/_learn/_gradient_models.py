"""Classes of products that the gradient search knows, by the names of the paper.

    BP   BPP   BPBP = (BP)^2   (BP)^k   (BPP)^k   Re(...)   (BP)^k_r: the corner of a product r times as large

BPP has a second permutation P' of the largest block (even and odd apart, the odd half reversed). Re means complex
factors of which the real part of the product counts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MODELS = (
    "'BP', 'BPP', 'BPBP', '(BP)^k' and '(BPP)^k' with k from 1 to 8, 'Re(...)' of these; with expansion r: '(BP)^k_r'"
)

_WORD = re.compile(r"(?P<word>(?:BP)+|(?:BPP)+)|\((?P<unit>BPP?)\)\^(?P<power>[1-8])(?:_(?P<expansion>[1-9]\d*))?")
_MOST = 8


@dataclass(frozen=True)
class Model:
    """A class of products.

    Attributes
    ----------
    depth : int
        Number of butterflies.
    second : bool
        Whether each has P' beside P.
    real_part : bool
    expansion : int
        Size of the factors over the power of two that holds the target.
    """

    depth: int = 1
    second: bool = False
    real_part: bool = False
    expansion: int = 1

    @property
    def name(self):
        """The paper's name."""
        unit = "BPP" if self.second else "BP"
        if self.expansion > 1:
            word = f"({unit})^{self.depth}_{self.expansion}"
        elif self.depth <= 2:
            word = unit * self.depth
        else:
            word = f"({unit})^{self.depth}"
        return f"Re({word})" if self.real_part else word


def parse(name, expansion=1):
    """Read a model's name.

    Parameters
    ----------
    name : str
    expansion : int
        Expansion asked for beside the name.

    Returns
    -------
    Model

    Raises
    ------
    ValueError
        The name is none of those listed above, or its expansion is not the one asked for.

    Examples
    --------
    >>> parse("Re(BPP)").depth, parse("BPBP").name, parse("(BP)^3", 2).name
    (1, 'BPBP', '(BP)^3_2')
    """
    real_part = name.startswith("Re(") and name.endswith(")")
    match = _WORD.fullmatch(name[3:-1] if real_part else name)
    unit = match and (match["unit"] or ("BPP" if match["word"].startswith("BPP") else "BP"))
    depth = match and int(match["power"] or len(match["word"]) // len(unit))
    if not match or depth > _MOST:
        raise ValueError(f"model = {name!r}: method='gradient' knows {MODELS}, and 'auto'")
    named = int(match["expansion"] or expansion)
    if expansion not in (1, named):
        raise ValueError(f"model = {name!r}: expansion = {expansion} contradicts it; leave one of them out")
    if named & (named - 1):
        raise ValueError(f"model = {name!r}: its expansion, {named}, must be a power of two")
    return Model(depth, unit == "BPP", real_part, named)
