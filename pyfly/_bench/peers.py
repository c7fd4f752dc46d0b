"""The peers: other libraries' ways to the same product, or, as a yardstick, to a Fourier transform of the same size.

    numpy       matmul with the dense matrix; one vector: dot (gemv); gradients: the two products of the dense layer;
                permute: take
    torch       matmul of torch; gradients by its autograd
    lazylinop   Kronecker-sparse factors, fused to four
    pyfaust     product of sparse matrices, optimised as a butterfly
    scipy.fft, pyfftw, mkl_fft    complex transform of the same length, batch and precision; pyfftw planned with
                                  FFTW_MEASURE, timed by execute()
    scipy.dct   real transform into a real one
    forward     pyfly's own product on the same data;   multiply: pyfly's product with the unplanned factors
    1-thread    pyfly on one thread, where the run has more: the speed-up by threads
    memory      numpy.copyto(y, x); one vector: reading the factors once, by a dot product of their halves

A peer exists where its library is installed and its memory is reasonable. All get the vectors in the layout they like.
"""

import operator
import warnings
from dataclasses import dataclass
from functools import partial

import numpy as np

from pyfly import _core
from pyfly._bench.timer import optional

__all__ = ["PEERS", "Peer", "load", "peers_of"]

MODULES = {"torch": "torch", "lazylinop": "lazylinop.butterfly", "pyfaust": "pyfaust", "pyfftw": "pyfftw"}
MODULES |= {"scipy.fft": "scipy.fft", "scipy.dct": "scipy.fft", "mkl_fft": "mkl_fft"}

PRODUCTS = ("multiply", "tied", "plan", "plan-dft", "fwht")
COMPLEX = {"f": "F", "d": "D", "F": "F", "D": "D"}
PLANNING_SECONDS = 3.0


@dataclass
class Peer:
    """A call to time; `result` gives its numbers in pyfly's layout, `expected` what they must be."""

    call: object
    result: object = None
    expected: object = None


def _numpy(problem, threads):
    x, y, kind = problem.x, np.empty_like(problem.y), problem.kind
    if kind == "permute":
        take = problem.with_out(np.take, x, problem.perm, axis=-1, mode="clip")  # with "raise" NumPy buffers out
        take.keywords.update({"out": y} if "out" in take.keywords else {})
        return Peer(take, take, problem.result)
    dense = problem.dense
    if dense is None:
        return None
    if kind == "gradient":
        grad_dense, grad, adjoint = np.empty_like(dense), problem.grad, dense.conj()

        def both():
            np.matmul(grad.T, x, out=grad_dense)
            return np.matmul(grad, adjoint, out=y)

        return Peer(both, both, problem.result)
    if problem.batch == 1:
        product = problem.with_out(np.dot, dense, x)
    else:
        product = problem.with_out(np.matmul, x, np.ascontiguousarray(dense.T))
    product.keywords.update({"out": y} if "out" in product.keywords else {})  # not pyfly's array
    return Peer(product, product, problem.result)


def _torch(problem, threads):
    torch = optional("torch")
    if torch is None or problem.dense is None or problem.kind not in (*PRODUCTS, "gradient"):
        return None
    torch.set_num_threads(threads)
    x, dense = torch.from_numpy(problem.x), torch.from_numpy(problem.dense)
    if problem.kind == "gradient":
        x, dense = x.clone().requires_grad_(), dense.clone().requires_grad_()
        y, grad = x @ dense.T, torch.from_numpy(problem.grad)
        call = partial(torch.autograd.grad, y, (x, dense), grad, retain_graph=True)
        return Peer(call, lambda: call()[0].numpy(), problem.result)
    if problem.batch == 1:
        call = partial(torch.mv, dense, x)
    else:
        call = partial(torch.matmul, x, dense.T.contiguous(), out=torch.empty_like(x))
    return Peer(call, lambda: call().numpy(), problem.result)


def _columns(problem):
    """The vectors as columns in row-major order: what libraries of operators multiply fastest."""
    return problem.x if problem.batch == 1 else np.ascontiguousarray(problem.x.T)


def _lazylinop(problem, threads):
    if problem.kind not in ("multiply", "tied", "plan") or not 16 <= problem.n <= 2**14:
        return None
    library = optional("lazylinop.butterfly")
    if library is None:
        return None
    n = problem.n
    patterns = [blocks.reshape(n // (2 * s), s, 2, 2).transpose(0, 2, 3, 1) for s, blocks in problem.stages()]
    partition = [part.tolist() for part in np.array_split(np.arange(problem.levels), 4)]
    op = library.ksm(library.fuse([np.ascontiguousarray(p) for p in patterns[::-1]], partition))
    call = partial(operator.matmul, op, _columns(problem))
    return Peer(call, lambda: call().T, problem.result)


def _pyfaust(problem, threads):
    if problem.kind not in ("multiply", "tied", "plan") or problem.dtype.char == "F" or not 2 <= problem.n <= 2**14:
        return None
    library, sparse = optional("pyfaust"), optional("scipy.sparse")
    if library is None:
        return None
    pair, factors = np.arange(problem.n // 2), []
    for s, blocks in problem.stages():
        p = 2 * (pair - pair % s) + pair % s
        rows, columns = np.concatenate([p, p, p + s, p + s]), np.concatenate([p, p + s, p, p + s])
        factors.append(sparse.csr_matrix((blocks.reshape(-1, 4).T.ravel(), (rows, columns)), shape=(problem.n,) * 2))
    op = library.opt_butterfly_faust(library.Faust(factors[::-1]))
    call = partial(operator.matmul, op, np.asfortranarray(_columns(problem)))
    return Peer(call, lambda: call().T, problem.result)


def _transform(problem, make, result=None):
    """Peer from make(complex copy of x) -> call."""
    if problem.kind not in PRODUCTS:
        return None
    x = problem.x.astype(COMPLEX[problem.dtype.char])
    call = make(x)
    return Peer(call, result or call, lambda: np.fft.fft(x))


def _scipy_fft(problem, threads):
    fft = optional("scipy.fft")
    return _transform(problem, lambda x: partial(fft.fft, x, workers=threads))


def _scipy_dct(problem, threads):
    if problem.kind not in PRODUCTS or problem.dtype.kind == "c":
        return None
    return Peer(partial(optional("scipy.fft").dct, problem.x, workers=threads))


def _mkl_fft(problem, threads):
    library = optional("mkl_fft")
    return None if library is None else _transform(problem, lambda x: partial(library.fft, x))


def _pyfftw(problem, threads):
    library = optional("pyfftw")
    if library is None or problem.kind not in PRODUCTS:
        return None
    plans = []

    def make(x):
        data = library.empty_aligned(x.shape, x.dtype)
        plan = library.FFTW(
            data,
            library.empty_aligned(x.shape, x.dtype),
            flags=("FFTW_MEASURE",),
            threads=threads,
            planning_timelimit=PLANNING_SECONDS,
        )
        data[:] = x  # planning overwrites the arrays
        plans.append(plan)
        return plan.execute

    def result():
        plans[0].execute()
        return plans[0].output_array

    return _transform(problem, make, result)


def _forward(problem, threads):
    return Peer(problem.forward) if problem.kind == "gradient" else None


def _multiply(problem, threads):
    return Peer(problem.multiply) if problem.kind == "plan" else None


def _one_thread(problem, threads):
    if threads == 1:
        return None
    call = problem.call

    def alone():
        before = _core.set_num_threads_local(1)  # what pyfly.num_threads does, without its microsecond
        call()
        _core.set_num_threads_local(before)

    return Peer(alone)


def _memory(problem, threads):
    if problem.kind in ("fwht", "permute", "relaxed"):
        return Peer(partial(np.copyto, np.empty_like(problem.x), problem.x))
    if problem.batch > 1 or problem.kind not in ("multiply", "plan"):
        return None
    half = problem.factor_bytes // (2 * problem.dtype.itemsize)
    numbers = problem.numbers(half).view(problem.dtype.char.lower())
    return Peer(partial(np.dot, numbers, numbers.copy()))


PEERS = {
    "numpy": _numpy,
    "torch": _torch,
    "lazylinop": _lazylinop,
    "pyfaust": _pyfaust,
    "scipy.fft": _scipy_fft,
    "pyfftw": _pyfftw,
    "mkl_fft": _mkl_fft,
    "scipy.dct": _scipy_dct,
    "forward": _forward,
    "multiply": _multiply,
    "1-thread": _one_thread,
    "memory": _memory,
}


def load(names=None):
    """Import the libraries of these peers, all by default; returns the names of those that are installed."""
    names = PEERS if names is None else names
    return [name for name in names if name not in MODULES or optional(MODULES[name]) is not None]


def peers_of(problem, names=None, threads=1):
    """{name: Peer} of those that are installed and apply to the problem.

    Parameters
    ----------
    problem : Problem
    names : iterable of str, optional
        Keys of PEERS; all by default.
    threads : int
        For libraries that take the number with the call.
    """
    found = {}
    for name in PEERS if names is None else names:
        with warnings.catch_warnings(record=True):
            peer = PEERS[name](problem, threads)
        if peer is not None:
            found[name] = peer
    return found
