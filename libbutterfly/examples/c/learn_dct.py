"""Writes the plan that example stream applies: a cosine transform that is learnt from its matrix alone.

    python learn_dct.py dct64.plan

The file beside this one was made so.
"""

import sys

import numpy as np

import pyfly

n = 64
k = np.arange(n)
matrix = 2 / np.sqrt(n) * np.cos(np.pi * np.outer(k, 2 * k + 1) / (2 * n))
found = pyfly.learn(matrix)
print(found.summary())
if not found.converged:
    sys.exit("no fast algorithm was found")
found.save_plan(sys.argv[1])
