"""One picture of a factorization: target, product of what was found, their difference on a log scale, the stages."""

import numpy as np

# A picture has fewer pixels than a large matrix entries: blocks are averaged down to this size.
_PIXELS = 512


def plot_factorization(found, target, path):
    """Write a PNG of a `Factorization`; without a target only the product and its stages are drawn."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    product = found.operator.todense()
    stages = _stages(found.operator)
    columns = max(3, min(len(stages), 6))
    rows = 1 + -(-len(stages) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(2.6 * columns, 2.9 * rows), layout="constrained", squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    panels = [] if target is None else [("target", _view(target), None)]
    panels.append((f"product: {found.model}", _view(product), None))
    if target is not None:
        floor = np.finfo(np.float64).tiny ** 0.5
        difference = np.abs(np.asarray(target) - product)
        scale = np.abs(target).max() or 1.0
        panels.append((r"$\log_{10}$ |difference| / max", np.log10(_shrink(difference) / scale + floor), (-17, 0)))
    for axis, (title, image, limits) in zip(axes[0], panels, strict=False):
        _draw(figure, axis, title, image, limits)
    for axis, (title, pattern) in zip(axes[1:].flat, stages, strict=False):
        _draw(figure, axis, title, pattern, (0, 1))
    permutation = "" if found.permutation is None else f", permutation {found.permutation_in_words}"
    figure.suptitle(f"{found.model}{permutation}; relative error {found.relative_error:.1e}", fontsize=11)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _draw(figure, axis, title, image, limits):
    axis.set_axis_on()
    low, high = limits or (-np.abs(image).max(), np.abs(image).max())
    colours = "RdBu_r" if limits is None else "viridis" if limits == (-17, 0) else "Greys"
    drawn = axis.imshow(image, cmap=colours, vmin=low, vmax=high, interpolation="nearest")
    axis.set_title(title, fontsize=9)
    axis.set_xticks([])
    axis.set_yticks([])
    if colours != "Greys":
        figure.colorbar(drawn, ax=axis, shrink=0.7)


def _view(matrix):
    """The real part, unless it is zero."""
    matrix = np.asarray(matrix)
    real = matrix.real
    return _shrink(real if np.any(real) or not np.iscomplexobj(matrix) else matrix.imag)


def _shrink(image):
    step = -(-max(image.shape) // _PIXELS)
    if step == 1:
        return image
    m, n = (size // step * step for size in image.shape)
    return image[:m, :n].reshape(m // step, step, n // step, step).mean(axis=(1, 3))


def _stages(operator):
    """Patterns of the elementary factors, first applied first: a butterfly's stages one by one, thinned to the view."""
    out = []
    for factor in _elementary(operator):
        name, n = type(factor).__name__, factor.shape[1]
        if name == "Butterfly" and n > 1:
            strides = 2 ** np.arange(n.bit_length() - 1)
            for stride in strides if factor.increasing_stride else strides[::-1]:
                lags = np.arange(n)[:, None] - np.arange(n)
                joined = (lags == 0) | ((np.abs(lags) == stride) & (np.minimum(*np.indices((n, n))) // stride % 2 == 0))
                out.append((f"stage of stride {stride}", _ink(joined)))
        elif name == "Permutation":
            pattern = np.zeros((n, n), dtype=bool)
            pattern[np.arange(n), factor.perm] = True
            out.append(("permutation", _ink(pattern)))
        elif name == "Diagonal":
            out.append(("diagonal", _ink(np.eye(n, dtype=bool))))
    return out


def _ink(pattern):
    """Blocks with an entry are black, however small the entry is in the picture."""
    n = pattern.shape[0]
    step = -(-n // 128)
    size = n // step
    return pattern[: size * step, : size * step].reshape(size, step, size, step).any(axis=(1, 3)).astype(float)


def _elementary(operator):
    """Elementary factors in the order in which they act."""
    inner = getattr(operator, "factors", None)
    if inner is None:
        inner = [operator.op] if hasattr(operator, "op") else None
    if inner is None:
        yield operator
        return
    for factor in reversed(inner):
        yield from _elementary(factor)
