"""The operators of pyfly.torch on CUDA tensors, with CPU tensors and the simulated CUDA library in their place: which
kernel a call reaches, what it returns, and when it falls back to torch operations."""

import itertools
import shutil

import pytest

torch = pytest.importorskip("torch")

import pyfly.cuda  # noqa: E402
import pyfly.torch as pt  # noqa: E402
from pyfly.cuda import _library, _torch  # noqa: E402
from pyfly.torch import _cuda, _ops  # noqa: E402

OPERATORS = [
    _ops.multiply_op,
    _ops.multiply_grad_op,
    _ops.multiply_grad_twiddle_op,
    _ops.relaxed_op,
    _ops.relaxed_grad_op,
]


def arguments(op, dtypes=(torch.float64, torch.complex128), lead=(), batch=(3,), n=8, how=("N", True, False)):
    x = torch.randn(*batch, n, dtype=dtypes[1])
    full = torch.broadcast_shapes(lead, batch)
    g = torch.randn(*full, n, dtype=dtypes[1])
    if op in (_ops.relaxed_op, _ops.relaxed_grad_op):
        prob = torch.rand(*lead, n.bit_length() - 2, 3, dtype=dtypes[0])
        return (prob, x, how[0] == "T") if op is _ops.relaxed_op else (prob, x, g)
    w = torch.randn(*lead, *((n - 1, 2, 2) if how[2] else (n.bit_length() - 1, n // 2, 2, 2)), dtype=dtypes[0])
    return (w, x, *how) if op is _ops.multiply_op else (w, x, g, *how)


def results(got):
    return got if isinstance(got, tuple) else (got,)


@pytest.mark.parametrize("op", OPERATORS, ids=str)
def test_every_operator_has_a_kernel_for_cuda_tensors(op):
    assert torch._C._dispatch_has_kernel_for_dispatch_key(op._schema.name, "CUDA")


@pytest.mark.parametrize("op", OPERATORS, ids=str)
def test_without_a_gpu_the_kernel_is_torch_operations(op, monkeypatch):
    monkeypatch.setattr(_cuda, "available", lambda: False)
    args = arguments(op)
    for got, want in zip(results(_cuda.KERNELS[op](*args)), results(_ops.KERNELS[op][1](*args)), strict=True):
        assert torch.equal(got, want)


if shutil.which("c++") or shutil.which("g++"):

    @pytest.fixture
    def cuda(cuda_library, monkeypatch):
        """CPU tensors are device tensors; the stream of torch is at 4096."""
        monkeypatch.setattr(_cuda, "available", lambda: True)
        monkeypatch.setattr(_torch, "in_device_memory", lambda tensor: True)
        monkeypatch.setattr(_torch, "stream_of", lambda tensor: 4096)
        return cuda_library

    def check(op, args):
        wanted = results(op(*args))
        for got, want in zip(results(_cuda.KERNELS[op](*args)), wanted, strict=True):
            assert got.dtype == want.dtype and got.shape == want.shape and got.is_contiguous()
            torch.testing.assert_close(got, want, rtol=1e-5, atol=1e-4 if want.dtype.itemsize <= 8 else 1e-10)

    @pytest.mark.parametrize("op", OPERATORS, ids=str)
    @pytest.mark.parametrize("dtypes", [("float32", "float32"), ("float64", "complex128")], ids=str)
    def test_the_library_computes_what_the_processor_does(cuda, op, dtypes):
        torch.manual_seed(0)
        kinds = [getattr(torch, name) for name in dtypes]
        for how in itertools.product(("N", "T", "C", "conj"), (True, False), (True, False)):
            check(op, arguments(op, kinds, how=how))

    @pytest.mark.parametrize("op", OPERATORS, ids=str)
    @pytest.mark.parametrize("lead, batch", [((), ()), ((), (2, 3)), ((2,), (3, 2)), ((2, 1), (3,)), ((3,), (1,))])
    def test_stacks_and_batches_broadcast(cuda, op, lead, batch):
        torch.manual_seed(1)
        check(op, arguments(op, lead=lead, batch=batch))

    def test_it_runs_in_the_current_stream_and_leaves_tensors_as_they_are(cuda, monkeypatch):
        names = []
        for name in ("bfly_cuda_dmul", "bfly_cuda_dgrad"):
            real = getattr(cuda, name)
            monkeypatch.setattr(cuda, name, lambda *a, r=real, n=name: names.append((n, a[0].value)) or r(*a))
        w, x = torch.randn(3, 4, 2, 2, dtype=torch.float64).mT, torch.randn(8, 5, dtype=torch.float64).T
        w.requires_grad_()
        before = w.detach().clone(), x.clone()
        y = _cuda.KERNELS[_ops.multiply_op](w, x, "N", True, False)
        torch.testing.assert_close(y, pt.butterfly_multiply(w, x).detach())
        _cuda.KERNELS[_ops.multiply_grad_op](w, x, y, "N", True, False)
        assert names == [("bfly_cuda_dmul", 4096), ("bfly_cuda_dgrad", 4096)]
        assert torch.equal(w.detach(), before[0]) and torch.equal(x, before[1])

    def test_a_device_with_too_little_shared_memory_gets_torch_operations(cuda, monkeypatch):
        monkeypatch.setattr(cuda, "bfly_cuda_grad_work", lambda *args: 103)
        args = arguments(_ops.multiply_grad_op)
        for got, want in zip(_cuda.KERNELS[_ops.multiply_grad_op](*args), _ops.multiply_grad_op(*args), strict=True):
            torch.testing.assert_close(got, want)
        with pytest.raises(_library.TooSmallDevice, match="shared memory"):
            pyfly.cuda.butterfly_multiply_grad(*args[:3])

    def test_wrong_tensors_are_refused_as_on_the_processor(cuda):
        w, x, *how = arguments(_ops.multiply_op)
        for wrong in (w[:2], x, *how), (w, x[:, :6], *how), (w.float(), x, *how), (w, x, "H", True, False):
            with pytest.raises((ValueError, TypeError)) as on_cuda:
                _cuda.KERNELS[_ops.multiply_op](*wrong)
            with pytest.raises((ValueError, TypeError)) as on_cpu:
                _ops.KERNELS[_ops.multiply_op][0](*wrong)
            assert str(on_cuda.value) == str(on_cpu.value)

    def test_functions_of_pyfly_take_and_return_tensors(cuda):
        w, x, *_ = arguments(_ops.multiply_op)
        y = pyfly.butterfly_multiply(w, x)
        assert isinstance(y, torch.Tensor)
        torch.testing.assert_close(y, pt.butterfly_multiply(w, x))
        out = torch.empty_like(x)
        assert pyfly.fwht(x, out=out) is out
        assert isinstance(pyfly.permute(torch.arange(8), x), torch.Tensor)
        with pytest.raises(TypeError, match="x requires a gradient.*detach"):
            pyfly.fwht(x.requires_grad_())
        with pytest.raises(TypeError, match="resolve_conj"):
            pyfly.fwht(x.detach().conj())
        with pytest.raises(TypeError, match="dtype None"):
            pyfly.fwht(torch.ones(4, dtype=torch.bfloat16))
