"""One run of the gradient search: factors and relaxed permutations trained together, rounding, then the factors alone.

    f = 1/2 ||T - B P_1 ... P_k||_F^2,      of complex factors and a real target the real part

The vectors are the columns of the identity, so a stage of stride s has blocks of 2 s rows only, and with a permutation
that is hard, taken to the other side (T P^-1 against B), an evaluation costs O(n^2). Evaluations and Adam are in C, one
thread a run, without the GIL.
"""

from __future__ import annotations

import copy

import numpy as np

from pyfly import _fit, permutation_from_choices
from pyfly._learn._gradient_polish import polish, units

_NO_TABLE = np.zeros(0, np.int64)


class Cancelled(Exception):
    """The search was stopped from outside."""


class Run:
    """What every run has: parameters, Adam's memory, a history, a flag that ends it.

    A subclass gives ``_evaluate(theta) -> (f, gradient)`` and says what its factors are.

    Attributes
    ----------
    theta : ndarray of float32 or float64
        Factors as real numbers, then the logits while there are any.
    error : float
        Relative error at the last evaluation.
    history : list of float
        Relative error at every evaluation.
    """

    #: The start is neutral: probabilities near 1/2, so that the factors decide. With the paper's N(0, 1) the sign of
    #: the first draw decides in one run of five.
    LOGIT_SPREAD = 0.1

    def __init__(self, target, *, tied, complex_factors, rng, single=True, cancel=None):
        self.target = target
        self.tied = tied
        self.mode = 1 if np.iscomplexobj(target) else 2 if complex_factors else 0
        self.dtype = np.dtype(np.float32 if single else np.float64)
        self.cancel = np.zeros(1, np.int64) if cancel is None else cancel
        self.norm = float(np.linalg.norm(target))
        self.error = 1.0
        self.history = []
        self._rng = rng
        self._count = 0

    @property
    def free_logits(self):
        """The logits, as long as the permutation is relaxed."""
        return self.theta[len(self.theta) - self._count :].astype(np.float64)

    def copy(self):
        """A run that goes on from here on its own."""
        other = copy.copy(self)
        other.theta, other._moments, other.history = self.theta.copy(), self._moments.copy(), list(self.history)
        return other

    def _factors(self):
        return self.theta[: len(self.theta) - self._count]

    def _record(self, values):
        errors = np.sqrt(2 * np.asarray(values)) / self.norm
        self.history.extend(errors)
        if len(errors):
            self.error = float(errors[-1]) if np.isfinite(errors[-1]) else np.inf

    def _restart(self, theta):
        self.theta = np.ascontiguousarray(theta, self.dtype)
        self._moments = np.zeros((2, len(self.theta)), self.dtype)
        self._step = 0

    def _polish(self, scale, evaluations, goal):
        theta, values = polish(
            self.theta.astype(np.float64),
            self._evaluate,
            norm=self.norm,
            evaluations=evaluations,
            goal=goal,
            units=np.repeat(scale, 2) if self.mode else scale,
        )
        self._restart(theta)
        self._record(values)
        return self.error


class Fit(Run):
    """Factors of one butterfly matrix and logits of its permutations.

    Parameters
    ----------
    target : ndarray of float64 or complex128, shape (n, n)
        n a power of two, at least 2; entries of the order of ``n**-0.5``.
    logits : Logits
        Parametrisation of the permutations.
    complex_factors : bool
        For a real target: whether its real part is fitted by complex factors.
    tied : bool
        Whether all blocks along the diagonal of a stage are the same.
    rng : numpy.random.Generator
    single : bool
        Train in float32; `polish` is always in float64.
    cancel : ndarray of int64, shape (1,)
        A flag that ends the run when it is not 0.

    Attributes
    ----------
    perm : ndarray of int64 or None
        The hard permutation after `harden`.
    """

    def __init__(self, target, logits, *, rng, **options):
        super().__init__(target, rng=rng, **options)
        self.n = self.size = len(target)
        self.logits = logits
        self.perm = None
        twiddle = random_unitary(self.n, self.tied, self.mode != 0, rng)
        self._table, self._count = logits.table.ravel(), logits.count
        self._restart(np.concatenate([numbers(twiddle), self._neutral()]))
        self._look_at(target)
        if not self._table.size:
            self.harden()

    @property
    def twiddle(self):
        """The factors, ``(n - 1, 2, 2)`` tied or ``(log2 n, n / 2, 2, 2)``."""
        return shaped(self._factors().astype(np.float64), self.n, self.tied, self.mode != 0)

    def factors(self, scale):
        """The product times a number, as operators, leftmost first."""
        from pyfly import Butterfly, Permutation

        twiddle = self.twiddle.copy()
        twiddle[last_stage(self.n, self.tied)] *= scale
        return Butterfly(twiddle, tied=self.tied), Permutation(self.perm)

    def adam(self, rates, *, logit_rate=1.0, stop=0.0):
        """Take a step for every learning rate, or until the relative error is at most ``stop``.

        Returns
        -------
        float
            The relative error at the last evaluation, which is not followed by a step when it met ``stop``.
        """
        rates = np.ascontiguousarray(rates, np.float64)
        values = np.empty(len(rates))
        goal = 0.5 * (stop * self.norm) ** 2
        done = _fit.adam(
            self.theta, self._moments, self._step, rates, logit_rate, self._flat, self.n, self.mode, self.tied,
            self._table, self._count, goal, self.cancel, values, 1,
        )  # fmt: skip
        self._step += done
        self._record(values[:done])
        if self.cancel[0]:
            raise Cancelled
        return self.error

    def decide(self, levels):
        """Fix the choices of the largest blocks where they have logits of their own; the other logits start anew."""
        self.logits = self.logits.decide(self.free_logits, levels)
        self._table = self.logits.table.ravel()
        self._restart(np.concatenate([self._factors(), self._neutral()]))

    def harden(self, choices=None):
        """Round the permutations (or take the given choices) and go on with the factors alone; Adam starts anew."""
        if choices is None:
            choices = self.logits.round(self.free_logits)
        self.choices = choices if choices.ndim == 3 else choices[0]
        self.perm = gather(self.choices, self.n)
        self._restart(self._factors())
        self._table, self._count = _NO_TABLE, 0
        self._look_at(self.target[:, self.perm])

    def untie(self):
        """Give every block of a stage its own copy of the tied factors."""
        if self.tied:
            twiddle = untied(self.twiddle, self.n)
            self.tied = False
            self._restart(numbers(twiddle))

    def polish(self, *, evaluations=400, goal=0.0):
        """Go on in float64 with L-BFGS; returns the relative error reached. Needs a hard permutation."""
        self.dtype = np.dtype(np.float64)
        self._look_at(self.target[:, self.perm])
        return self._polish(units(self.twiddle, self.n, self.tied).ravel(), evaluations, goal)

    def _evaluate(self, theta):
        if self.cancel[0]:
            raise Cancelled
        grad = np.empty_like(theta)
        f = _fit.distance(theta, self._flat, self.n, self.mode, self.tied, self._table, self._count, grad, 1)
        return f, grad

    def _neutral(self):
        return self._rng.standard_normal(self._count) * self.LOGIT_SPREAD

    def _look_at(self, matrix):
        self._flat = numbers(matrix).astype(self.dtype)


def last_stage(n, tied):
    """Where the stage of stride n / 2 stands in the factors."""
    return slice(n // 2 - 1, None) if tied else slice(-1, None)


def gather(choices, n):
    """Gather indices of a product of permutations, given by choices ``(k, log2 n - 1, 3)``; the last acts first."""
    perm = np.arange(n)
    for one in choices[::-1]:
        perm = perm[permutation_from_choices(one)] if n > 2 else perm
    return perm


def random_unitary(n, tied, complex_factors, rng):
    """Random factors whose blocks are orthogonal, or unitary by Haar's measure: B keeps lengths, gradients too."""
    levels = n.bit_length() - 1
    shape = (n - 1, 2, 2) if tied else (levels, n // 2, 2, 2)
    blocks = rng.standard_normal(shape)
    if complex_factors:
        blocks = blocks + 1j * rng.standard_normal(shape)
    q, r = np.linalg.qr(blocks)
    diagonal = np.diagonal(r, axis1=-2, axis2=-1)
    return q * (diagonal / np.abs(diagonal))[..., None, :]


def untied(twiddle, n):
    """Untied factors of the same matrix as tied ones, strides increasing."""
    levels = n.bit_length() - 1
    pairs = np.arange(n // 2)
    return np.stack([twiddle[(1 << k) - 1 + pairs % (1 << k)] for k in range(levels)])


def cosine(high, low, steps):
    """Learning rates falling from ``high`` to ``low`` along half a cosine."""
    return low + (high - low) * 0.5 * (1 + np.cos(np.pi * np.arange(steps) / max(steps, 1)))


def numbers(array):
    """A contiguous array as its real numbers, flat."""
    array = np.ascontiguousarray(array)
    return array.view(array.real.dtype).ravel()


def shaped(flat, n, tied, complex_factors):
    levels = n.bit_length() - 1
    shape = (n - 1, 2, 2) if tied else (levels, n // 2, 2, 2)
    return (flat.view(np.complex128) if complex_factors else flat).reshape(shape)
