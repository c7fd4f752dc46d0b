"""pyfly: learnt fast linear transforms.

A dense matrix in, its fast algorithm out (`learn`), as a product of butterfly factors, permutations and diagonals that
runs at the speed of hand-written transforms. The kernels are libbutterfly's, a C library inside this package.

Functions      butterfly_multiply, butterfly_multiply_grad, permute, relaxed_permute, relaxed_permute_grad,
               permutation_from_choices, fwht
Operators      Butterfly, Permutation, Diagonal and their products: SciPy LinearOperators; `pyfly.special` by name
Learning       learn, load, `pyfly.targets`
Settings       get_num_threads, set_num_threads, num_threads, get_isa, set_isa, show_config
For C          get_include, get_library

Everything heavy is imported when it is first used.
"""

from contextlib import suppress
from importlib import import_module

__version__ = "0.1.0"

_HOMES = {
    "_functions": (
        "butterfly_multiply",
        "butterfly_multiply_grad",
        "permute",
        "relaxed_permute",
        "relaxed_permute_grad",
        "permutation_from_choices",
        "fwht",
    ),
    "_operators": ("Operator", "Butterfly", "Permutation", "Diagonal", "Product", "RealPart", "Scaled"),
    "_shapes": ("Pad", "Trim", "VStack", "HStack", "BlockDiagonal", "Sum"),
    "_kronecker": ("Kronecker", "kron"),
    "_algebra": (
        "simplify",
        "to_tied",
        "to_untied",
        "flip_stride",
        "permutation_to_butterflies",
        "as_permutation",
    ),
    "_layouts": (
        "from_torch_butterfly",
        "to_torch_butterfly",
        "from_abcd",
        "to_abcd",
        "sparse_factors",
    ),
    "_plan": ("Plan",),
    "_learn": ("learn", "load", "Factorization"),
    "_config": (
        "get_num_threads",
        "set_num_threads",
        "num_threads",
        "get_isa",
        "set_isa",
        "show_config",
        "get_include",
        "get_library",
    ),
}
_MODULES = ("special", "targets", "ufuncs", "cli", "torch", "cuda")
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [*_HOME_OF, "special", "targets", "ufuncs"]


with suppress(ImportError):  # threadpoolctl is optional; what it finds, it learns from a registered class
    import_module("pyfly._threadpool")


def __getattr__(name):
    if name in _HOME_OF:
        value = getattr(import_module(f"pyfly.{_HOME_OF[name]}"), name)
    elif name in _MODULES:
        value = import_module(f"pyfly.{name}")
    else:
        raise AttributeError(f"module 'pyfly' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__():
    return sorted([*globals(), *__all__])
