"""Where butterflies lose: (BP)^k beside low rank, sparse, and their sum for matrices that are in no class.

    python bench/depth_table.py [--n 64] [--depth 3] [--only Legendre] [--seed S]

A row is a matrix; relative errors of the best product of at most k factors and of other forms with as many numbers,
k = 1 ... depth, separated by slashes; bold: the least at its k. Sparse forms count values only: their positions come on
top. The table of pyfly/_learn/README.md.
"""

import argparse

import numpy as np
from learn_no import MATRICES

import pyfly

ROWS = [
    "Legendre",
    "DCT-I",
    "gaussian, scattered",
    "cauchy, scattered",
    "random orthogonal",
    "weights, i^-1/2",
    "random normal",
]
FORMS = ["(BP)^k", "low rank", "sparse", "sparse + low rank"]


def row(target, depth, seed):
    """Form -> errors for k = 1 ... depth."""
    errors = {form: [] for form in FORMS}
    for k in range(1, depth + 1):
        found = pyfly.learn(target, max_depth=k, seed=seed)
        errors["(BP)^k"].append(found.relative_error)
        for form in FORMS[1:]:
            same = [other.relative_error for other in found.alternatives if other.name == form]
            errors[form].append(same[0] if same else np.nan)
    return errors


def words(value, least):
    """Three digits, bold if the least."""
    if np.isnan(value):
        return "–"
    text = f"{value:.3f}".removeprefix("0")
    return f"**{text}**" if value == least else text


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=64)
    parser.add_argument("--depth", type=int, default=3, choices=range(1, 9))
    parser.add_argument("--only", nargs="+", choices=tuple(MATRICES), default=ROWS, metavar="MATRIX")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    print(f"| target | {' | '.join(FORMS)} |\n" + "|---" * (len(FORMS) + 1) + "|")
    for name in options.only:
        errors = row(MATRICES[name](options.n, np.random.default_rng(options.seed)), options.depth, options.seed)
        least = np.nanmin(list(errors.values()), axis=0)
        cells = [" / ".join(map(words, values, least)) for values in errors.values()]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
