"""learn on Kronecker products: two-dimensional transforms, and blocks of one transform."""

import numpy as np
import pytest
import scipy.linalg

import pyfly
from pyfly import targets

pytestmark = pytest.mark.filterwarnings("error")


def circulant(n):
    return scipy.linalg.circulant(np.random.default_rng(n).standard_normal(n))


def random(n):
    return np.random.default_rng(n).standard_normal((n, n))


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(
    ("sides", "model", "numbers"),
    [
        ([targets.dft(8), np.eye(8)], "BP", 252),
        ([np.eye(8), targets.dft(16)], "BP", 508),
        ([targets.dft(8), np.eye(4), targets.dft(8)], "BP", 1020),
        ([targets.dft(8), targets.dft(16)], "BP", 508),
        ([targets.dct(16), np.eye(4) * 3], "Re(BPP)", 252),
        ([np.eye(32), targets.dct(8)], "Re(BPP)", 1020),
        ([targets.dct(8), targets.dct(16, 4)], "Re(BPP) Re(BPP)", 1016),
        ([targets.dct(8), targets.dct(8), targets.dct(8)], "Re(BPP) Re(BPP) Re(BPP)", 6132),
        ([targets.hadamard(8), targets.dct(16)], "BP Re(BPP)", 1016),
        ([targets.dct(16), random(2)], "Re(BPP) BP", 248),
        ([np.eye(8), circulant(16)], "Re(BPBP)", 1016),
        ([circulant(8), circulant(16)], "Re(BPBP) Re(BPBP)", 2032),
        ([np.diag(random(8)[0]), targets.dct(8)], "D Re(BPP)", 316),
    ],
)
def test_every_side_is_found(sides, model, numbers, turned):
    target = sides[0]
    for side in sides[1:]:
        target = np.kron(target, side)
    found = pyfly.learn(target.T if turned else target)
    assert found.converged and found.relative_error < 2e-14
    assert turned or (found.model, found.n_parameters) == (model, numbers)
    x = np.random.default_rng(0).standard_normal(len(target))
    np.testing.assert_allclose(found.operator.plan().apply(x), found.operator.apply(x), atol=1e-10)


def test_what_is_said_of_it(tmp_path):
    target = np.kron(targets.dct(8), targets.dct(16))
    found = pyfly.learn(target)
    assert "A Kronecker product: Re(BPP) of size 8, Re(BPP) of size 16." in found.summary()
    found.save(tmp_path / "two.npz")
    assert pyfly.load(tmp_path / "two.npz").verify(target) < 1e-15


def test_a_side_larger_than_its_matrix():
    target = np.kron(scipy.linalg.toeplitz(random(8)[0], random(8)[1]), targets.dct(8))
    found = pyfly.learn(target)
    assert found.model == "Re((BP)^2_2) Re(BPP)" and found.relative_error < 1e-14


@pytest.mark.parametrize("size", [1e-6, 1e-3, 1e-1])
def test_noise(size):
    target = np.kron(targets.dct(8), targets.dct(16, 3))
    noise = random(128)
    noise *= size * np.linalg.norm(target) / np.linalg.norm(noise)
    found = pyfly.learn(target + noise)
    assert found.relative_error < size and found.model.startswith("Re(BPP) (Re(BPP))^T")


@pytest.mark.parametrize("tied", [True, False])
def test_tied_as_asked(tied):
    found = pyfly.learn(np.kron(targets.dct(8), targets.dct(8)), tied=tied)
    assert found.converged and found.tied is tied


def test_one_side_without_a_form_is_no_form():
    found = pyfly.learn(np.kron(random(8), targets.dft(8)))
    assert not found.converged and found.relative_error < 0.6
