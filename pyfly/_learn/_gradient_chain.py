"""Several factors BP at once, and corners of larger products: what one butterfly does not hold.

    f = 1/2 ||T - S B_k P_k ... B_1 P_1 S'^T||_F^2        of complex factors and a real target the real part

The vectors are the columns of the identity, padded to the size of the factors (the expansion of the paper); only the
first stage sees their zeros, so that an evaluation costs O(k n^2 log n). Products and gradients are in C, one thread a
run; Adam goes step by step from here, so that a cancelled run stops at once.
"""

from __future__ import annotations

import math

import numpy as np

from pyfly import _fit, _fit_chain
from pyfly._learn._gradient_fit import Cancelled, Run, gather, last_stage, numbers, random_unitary, shaped, untied
from pyfly._learn._gradient_polish import units


class Chain(Run):
    """Factors of (BP)^k, with hard permutations or with relaxed ones.

    Parameters
    ----------
    target : ndarray of float64 or complex128, shape (m, n)
        The corner of a product of size `size`; entries of the order of ``size**-0.5``.
    size : int
        A power of two, at least 2.
    depth : int
        k.
    logits : Logits, optional
        Parametrisation of the k relaxed permutations, that of B_1 first; without, `harden` comes before everything.
    rng, complex_factors, tied, single, cancel
        As in `Fit`.

    Attributes
    ----------
    choices : ndarray of int64, shape (k, permutations a factor, log2 size - 1, 3)
        After `harden`; the last permutation of a factor acts first.
    perms : ndarray of int64, shape (k, size), or None
    """

    #: As in the paper. From neutral logits the target decides, and of some targets the same wrong way from every start.
    LOGIT_SPREAD = 1.0

    def __init__(self, target, *, size, depth, rng, logits=None, **options):
        super().__init__(target, rng=rng, **options)
        self.size, self.depth = size, depth
        self.logits, self.perms, self.choices = logits, None, None
        self._count = 0 if logits is None else logits.count
        twiddles = [random_unitary(size, self.tied, self.mode != 0, rng) for _ in range(depth)]
        self._restart(np.concatenate([*map(numbers, twiddles), self._neutral()]))
        self._prepare()

    @property
    def perm(self):
        """Gather indices of the permutation that acts first, or None."""
        return None if self.perms is None else self.perms[0]

    @property
    def twiddles(self):
        """Factors as ``(k, n - 1, 2, 2)`` tied or ``(k, log2 n, n / 2, 2, 2)``, that of B_1 first."""
        parts = np.split(self._factors().astype(np.float64), self.depth)
        return np.stack([shaped(part, self.size, self.tied, self.mode != 0) for part in parts])

    def factors(self, scale):
        """The product times a number, as operators, leftmost first."""
        from pyfly import Butterfly, Permutation

        twiddles, found = self.twiddles, ()
        twiddles[-1][last_stage(self.size, self.tied)] *= scale
        for twiddle, perm in zip(twiddles, self.perms, strict=True):
            found = (Butterfly(twiddle, tied=self.tied), Permutation(perm), *found)
        return found

    def adam(self, rates, *, logit_rate=1.0, stop=0.0):
        """Take a step for every learning rate, or until the relative error is at most ``stop``.

        Returns
        -------
        float
            The relative error at the last evaluation, which is not followed by a step when it met ``stop``.
        """
        values = []
        goal = 0.5 * (stop * self.norm) ** 2
        for rate in rates:
            if self.cancel[0]:
                raise Cancelled
            value = self._distance(self.theta, self._gradient)
            values.append(value)
            self.error = math.sqrt(2 * value) / self.norm  # for those who watch
            if value <= goal or not math.isfinite(value):
                break
            self._step += 1
            _fit.adam_step(self.theta, self._moments, self._gradient, self._step, rate, logit_rate, self._count)
        self._record(values)
        return self.error

    def decide(self, levels):
        """Fix the choices of the largest blocks where they have logits of their own; the other logits start anew."""
        self.logits = self.logits.decide(self.free_logits, levels)
        self._restart(np.concatenate([self._factors(), self._neutral()]))

    def harden(self, choices=None):
        """Round the permutations (or take the given choices) and go on with the factors alone; Adam starts anew.

        Choices of shape ``(k, log2 size - 1, 3)`` are those of one permutation a factor.
        """
        if choices is None:
            choices = self.logits.round(self.free_logits)
        self.choices = choices[:, None] if choices.ndim == 3 else choices
        self.perms = np.stack([gather(one, self.size) for one in self.choices])
        self._restart(self._factors())
        self._count = 0
        self._prepare()

    def begin(self, twiddles):
        """Go on from other factors, of the shape of `twiddles`; Adam starts anew."""
        self._restart(np.concatenate([*map(numbers, twiddles), self.free_logits]))
        self._prepare()

    def untie(self):
        """Give every block of a stage its own copy of the tied factors."""
        if self.tied:
            twiddles = [numbers(untied(twiddle, self.size)) for twiddle in self.twiddles]
            self.tied = False
            self._restart(np.concatenate(twiddles))
            self._prepare()

    def polish(self, *, evaluations=400, goal=0.0):
        """Go on in float64 with L-BFGS; returns the relative error reached. Needs hard permutations."""
        self.dtype = np.dtype(np.float64)
        self.theta = self.theta.astype(self.dtype)
        self._prepare()
        scale = np.concatenate([units(twiddle, self.size, self.tied).ravel() for twiddle in self.twiddles])
        return self._polish(scale, evaluations, goal)

    def copy(self):
        other = super().copy()
        other._prepare()
        return other

    def _evaluate(self, theta):
        if self.cancel[0]:
            raise Cancelled
        gradient = np.empty_like(theta)
        return self._distance(np.ascontiguousarray(theta), gradient), gradient

    def _distance(self, theta, gradient):
        """f; its gradient, that at the logits included, goes to an array."""
        split = len(theta) - self._count
        if not self._count:
            return self._call(theta, gradient, self._no_prob)
        prob = self.logits.probabilities(theta[split:])
        value = self._call(theta[:split], gradient[:split], prob.reshape(self.depth, -1).astype(self.dtype))
        slope = self._prob_gradient.astype(np.float64) * (prob * (1 - prob)).reshape(self.depth, -1)
        table = self.logits.table.reshape(self.depth, -1)
        gradient[split:] = np.bincount(table[table >= 0], slope[table >= 0], self._count)
        return value

    def _call(self, theta, gradient, prob):
        return _fit_chain.distance(
            theta, self._columns, self.size, self.mode, self.tied, self._indices, prob, self._space, gradient,
            self._prob_gradient,
        )  # fmt: skip

    def _neutral(self):
        return self._rng.standard_normal(self._count) * self.LOGIT_SPREAD

    def _prepare(self):
        """Arrays of the present precision and shape that every evaluation uses."""
        m, n = self.target.shape
        columns = numbers(self.target.T).astype(self.dtype)
        self._columns = columns.reshape(n, -1)
        probs = self.logits.table[0].size if self._count else 0
        self._no_prob = np.zeros((self.depth, 0), self.dtype)
        self._prob_gradient = np.zeros((self.depth, probs), self.dtype)
        self._indices = np.zeros((self.depth, self.size), np.int64) if self.perms is None else self.perms
        needed = _fit_chain.workspace(self.size, n, self.depth, self.mode, probs > 0)
        self._space = np.empty(needed, self.dtype)
        self._gradient = np.empty_like(self.theta)
