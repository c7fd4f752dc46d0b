"""The generalized ufuncs underneath pyfly's functions, one per variant.

``multiply_<op>_<order>[_tied]``, ``multiply_grad_<op>_<order>[_tied]`` with op ``n``, ``t``, ``c``, ``conj`` and order
``increasing``, ``decreasing``; ``permute``, ``relaxed_permute``, ``relaxed_permute_grad``; ``fwht_<ordering>[_ortho]``
with ordering ``natural``, ``paley``, ``sequency``. Their signatures::

    multiply               (l,h,u,v),(n)->(n)                 tied: (m,u,v),(n)->(n)
    multiply_grad          (l,h,u,v),(b,n),(b,n)->(l,h,u,v),(b,n)
    permute                (n),(n)->(n)
    relaxed_permute        (l,t),(n)->(n)
    relaxed_permute_grad   (l,t),(b,n),(b,n)->(l,t),(b,n)
    fwht                   (n)->(n)

Loops exist for factors and data of types ff fF FF dd dD DD, in this order (probabilities and indices: f F d D data).

>>> import numpy as np, pyfly
>>> pyfly.ufuncs.multiply_n_increasing.signature
'(l,h,u,v),(n)->(n)'
>>> w = np.full((1, 1, 2, 2), [[1.0, 1.0], [1.0, -1.0]])
>>> pyfly.ufuncs.multiply_n_increasing(w, [3.0, 1.0])
array([4., 2.])
"""

from pyfly import _ufuncs

_all, multiply, multiply_grad, variants = _ufuncs.build()
globals().update(_all)
fwht = {
    (ordering, norm): _all[f"fwht_{ordering}{suffix}"]
    for ordering in ("natural", "paley", "sequency")
    for norm, suffix in ((None, ""), ("ortho", "_ortho"))
}
__all__ = ["fwht", "multiply", "multiply_grad", *_all]
