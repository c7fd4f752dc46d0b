"""Arguments of `learn` that several of its parts check."""

from __future__ import annotations

import operator

import numpy as np


def count(name, value, least, most=None):
    """An integer within bounds, by its name.

    Raises
    ------
    TypeError
        It is no integer.
    ValueError
        It is out of range.
    """
    try:
        if isinstance(value, (bool, np.bool_)):
            raise TypeError
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} = {value!r}: give an integer") from None
    if number < least or (most is not None and number > most):
        bounds = f"at least {least}" if most is None else f"{least} to {most}"
        raise ValueError(f"{name} = {number}: choose {bounds}")
    return number
