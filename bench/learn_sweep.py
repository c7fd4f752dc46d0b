"""How far `learn` reaches: every transform, changed in every way, at every size, found or not, with error and time.

    python bench/learn_sweep.py [--sizes 8,16,64] [--only A,B] [--changes A,B] [--seed S] [--missing] [--json FILE]

A cell is the relative error, in brackets the time over that of the dense product T @ T in the same run; "NO" marks a
target that has an exact form and was not found within its bound: the tolerance, or the size of the noise added.
"""

import argparse
import json
import sys
import time

import numpy as np
import scipy.linalg

import pyfly
from pyfly import targets


def skew_circulant(c):
    """Circulant whose wrapped part has the other sign."""
    k = np.subtract.outer(np.arange(len(c)), np.arange(len(c)))
    return np.where(k >= 0, 1, -1) * c[k % len(c)]


def half_sample_dft(n):
    """DFT at half-integer times and frequencies."""
    k = 2 * np.arange(n) + 1
    return np.exp(-2j * np.pi * (np.outer(k, k) % (4 * n)) / (4 * n)) / np.sqrt(n)


def haar(n):
    """Orthonormal Haar wavelet matrix."""
    if n == 1:
        return np.ones((1, 1))
    smaller = haar(n // 2)
    return np.concatenate([np.kron(smaller, [1, 1]), np.kron(np.eye(n // 2), [1, -1])]) / np.sqrt(2)


def butterfly(n, rng, *, complex_factors=False, tied=False):
    """Random butterfly matrix with a permutation of choices."""
    levels = n.bit_length() - 1
    shape = (n - 1, 2, 2) if tied else (levels, n // 2, 2, 2)
    w = rng.standard_normal(shape) + (1j * rng.standard_normal(shape) if complex_factors else 0)
    perm = pyfly.permutation_from_choices(rng.integers(0, 2, (levels - 1, 3)))
    return pyfly.butterfly_multiply(w, np.eye(n, dtype=w.dtype), tied=tied).T[:, np.argsort(perm)]


def transforms(n, seed=0):
    """Name -> matrix: the transforms that have an exact form."""
    rng = np.random.default_rng([n, seed])
    c, r = rng.standard_normal((2, n))
    z = c + 1j * r
    made = {name: getattr(targets, name)(n) for name in ("dft", "idft", "hadamard", "walsh", "hartley")}
    made["paley"] = made["hadamard"][pyfly.permutation_from_choices([[1, 0, 0]] * (n.bit_length() - 2))]
    made["half-sample dft"] = half_sample_dft(n)
    made |= {f"{make.__name__}{t}": make(n, t) for t in (2, 3, 4) for make in (targets.dct, targets.dst)}
    made["haar"] = haar(n)
    made |= {
        "circulant": scipy.linalg.circulant(c),
        "complex circulant": scipy.linalg.circulant(z),
        "symmetric circulant": scipy.linalg.circulant(c + np.roll(c[::-1], 1)),
        "skew circulant": skew_circulant(c),
        "complex skew circulant": skew_circulant(z),
        "toeplitz": scipy.linalg.toeplitz(c, r),
        "complex toeplitz": scipy.linalg.toeplitz(z, np.r_[z[0], z[1:] * 1j * r[1:]]),
        "butterfly": butterfly(n, rng),
        "complex butterfly": butterfly(n, rng, complex_factors=True),
        "tied butterfly": butterfly(n, rng, complex_factors=True, tied=True),
        "diagonal": np.diag(c),
        "permutation": np.eye(n)[rng.permutation(n)],
    }
    return made


def _diagonals(t, rng):
    d = rng.standard_normal((2, len(t)))
    if np.iscomplexobj(t):
        d = d * np.exp(2j * np.pi * rng.random(d.shape))
    return d


def _scaled(t, rng):
    rows, columns = _diagonals(t, rng)
    return rows[:, None] * t * columns


def _noisy(size):
    def change(t, rng):
        noise = rng.standard_normal(t.shape) + (1j * rng.standard_normal(t.shape) if np.iscomplexobj(t) else 0)
        return t + size * np.linalg.norm(t) / np.linalg.norm(noise) * noise

    return change


def _both(t, rng):
    return t[rng.permutation(len(t))][:, rng.permutation(len(t))]


# Name -> change, bound on the relative error of what is found; None: the default tolerance.
CHANGES = {
    "plain": (lambda t, rng: t, None),
    "scaled": (_scaled, None),
    "transposed": (lambda t, rng: t.T, None),
    "rows": (lambda t, rng: t[rng.permutation(len(t))], None),
    "columns": (lambda t, rng: t[:, rng.permutation(len(t))], None),
    "both": (_both, None),
    "scaled+T": (lambda t, rng: _scaled(t, rng).T, None),
    "scaled+rows": (lambda t, rng: _scaled(t, rng)[rng.permutation(len(t))], None),
    "scaled+columns": (lambda t, rng: _scaled(t, rng)[:, rng.permutation(len(t))], None),
    "scaled+both": (lambda t, rng: _both(_scaled(t, rng), rng), None),
    "conj": (lambda t, rng: t.conj(), None),
    "1e-6": (_noisy(1e-6), 1e-6),
    "1e-3": (_noisy(1e-3), 1e-3),
    "1e-1": (_noisy(1e-1), 1e-1),
    "x1e-200": (lambda t, rng: t * 1e-200, None),
    "x1e200": (lambda t, rng: t * 1e200, None),
    "single": (lambda t, rng: t.astype(np.complex64 if np.iscomplexobj(t) else np.float32), None),
}


def cell(target, bound, *, time_product=True):
    """Learn one target: a dict with model, error, found, seconds, ratio."""
    ratio = np.nan
    found = pyfly.learn(target)
    if time_product:
        times = []
        for _ in range(3):
            start = time.perf_counter()
            with np.errstate(all="ignore"):
                target @ target
            times.append(time.perf_counter() - start)
        ratio = found.seconds / sorted(times)[1]
    within = found.converged if bound is None else found.relative_error < 1.02 * bound
    return {
        "model": found.model,
        "error": found.relative_error,
        "found": bool(within),
        "tied": found.tied,
        "seconds": found.seconds,
        "ratio": ratio,
    }


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default="8,16,64,256,1024")
    parser.add_argument("--only", help="names of transforms, comma-separated")
    parser.add_argument("--changes", help="names of changes, comma-separated")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--missing", action="store_true", help="print only what was not found")
    parser.add_argument("--json", metavar="FILE")
    args = parser.parse_args(argv)
    changes = args.changes.split(",") if args.changes else list(CHANGES)
    cells = []
    for n in map(int, args.sizes.split(",")):
        made = transforms(n, args.seed)
        names = args.only.split(",") if args.only else list(made)
        if not args.missing:
            print(f"n = {n}\n{'':24}" + "".join(f"{change:>16}" for change in changes))
        for name in names:
            texts = []
            for index, change in enumerate(changes):
                make, bound = CHANGES[change]
                target = make(made[name], np.random.default_rng([n, args.seed, index]))
                result = cell(target, bound)
                cells.append({"n": n, "transform": name, "change": change, **result})
                mark = "" if result["found"] else "NO "
                texts.append(f"{mark}{result['error']:.0e} ({result['ratio']:.1f})")
                if args.missing and not result["found"]:
                    print(f"{n:5} {name:24} {change:16} {result['model']:16} {texts[-1]}", flush=True)
            if not args.missing:
                print(f"{name:24}" + "".join(f"{text:>16}" for text in texts), flush=True)
    if args.json:
        with open(args.json, "w") as file:
            json.dump(cells, file, indent=1)
    missing = sum(not result["found"] for result in cells)
    print(f"{len(cells) - missing} of {len(cells)} found")
    return 0 if missing == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
