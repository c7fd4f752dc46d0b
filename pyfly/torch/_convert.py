"""Between dense layers and butterfly layers: projection, replacement, checkpoints, groups for the optimizer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import nn

from pyfly.torch import _init
from pyfly.torch._chain import BP, BPBP, BPChain, LearnablePermutation, bit_reversal
from pyfly.torch._layers import Butterfly, ButterflyUnitary, Kaleidoscope, Structured, StructuredLinear, as_size

# Largest relative error with which a weight counts as a product of two factors, and one that no fit has to lower.
_CLOSE, _EXACT = 0.1, 1e-10


def _peel(matrix, tied, known):
    """Factors of increasing stride that approximate a square matrix, one stage after the other from the largest.

    Each stage takes the best rank-one approximation of every pair of rows on each half of the columns: exact where the
    matrix is a butterfly matrix. Columns that are not known, those of the padding, are zero.
    """
    from pyfly._learn import _levels

    n = len(matrix)
    if n == 1:
        return np.empty(_init.core_shape(1, tied), matrix.dtype)
    nodes, weights, stages = matrix[None], np.ones((1, n)), []
    while nodes.shape[-1] > 2:
        step = _levels.split(nodes, weights, 0)
        if tied:
            # columns stay in their order: Tied could reverse the second half, which a fixed layer cannot
            step = _levels._merge(step, 0) if known.all() else _merge_known(step, known)
            known = known.reshape(2, -1).any(0)
        stages.append(step.blocks)
        nodes, weights = step.children, step.weights
    stages = [nodes, *stages[::-1]]
    if tied:
        return np.concatenate([stage.reshape(-1, 2, 2) for stage in stages])
    return np.stack([stage.reshape(n // 2, 2, 2) for stage in stages])


def _merge_known(free, known):
    """Let one matrix serve as both children: the columns known in both give the scales of its rows, all its entries.

    Zeros of the padding say nothing of a tied matrix, whose other columns fix what it does there.
    """
    known = known.reshape(2, -1)
    pairs, weights = free.children.swapaxes(0, 1), free.weights.T[..., None]
    both = known.all(0)
    d = np.ones_like(pairs[..., :1])
    if both.any():
        root = np.sqrt(weights)
        d = np.linalg.svd(root * pairs[..., both], full_matrices=False)[0][..., :1] / np.where(root > 0, root, 1)
    strength = (known * weights * abs(d) ** 2).sum(1)
    rows = (known * weights * d.conj() * pairs).sum(1) / np.where(strength > 0, strength, 1)
    blocks = free.blocks * d.swapaxes(-1, -2)
    passed = (weights * abs(d) ** 2).sum((1, 2))
    return replace(free, blocks=blocks, children=rows[None], weights=passed[None])


def _peel_two(matrix, tied, goal):
    """Factors of B_1 and B_2 where a matrix is close to B_2 R B_1 R, R the bit reversal; None where it is not."""
    from pyfly._learn._kaleidoscope import polished, two_butterflies

    if len(matrix) < 4:
        return None
    found = two_butterflies(matrix, tied=tied)
    if found is None:
        return None
    found, error = polished(matrix, found, tied=tied, goal=goal)
    return found if error < _CLOSE else None


def _project_butterfly(layer, weight, goal):
    padded = np.zeros((layer.nstacks * layer.n, layer.n), weight.dtype)
    padded[: layer.out_features, : layer.in_features] = weight
    twiddle = np.zeros((layer.nstacks, layer.nblocks, *_init.core_shape(layer.n, layer.tied)), padded.dtype)
    # The last block takes the matrix, the others pass it on; the last two where they make it up.
    twiddle[:] = np.eye(2)
    inputs = np.arange(layer.n) < layer.in_features
    for stack, part in enumerate(padded.reshape(layer.nstacks, layer.n, layer.n)):
        increasing = layer._order(layer.nblocks - 1)
        two = _two_blocks(part, increasing, goal) if layer.nblocks > 1 and not layer.tied else None
        if two is not None:
            twiddle[stack, -2:] = two
        elif increasing:
            twiddle[stack, -1] = _peel(part, layer.tied, inputs)
        else:
            # decreasing strides are the transpose of increasing ones
            outputs = np.arange(layer.n) < layer.out_features - stack * layer.n
            core = _peel(np.ascontiguousarray(part.T), layer.tied, outputs).swapaxes(-1, -2)
            twiddle[stack, -1] = core if layer.tied else core[::-1]
    return twiddle


def _two_blocks(matrix, increasing, goal):
    """The last two blocks, the last one of increasing strides or not, where they make up the matrix; or None."""
    from pyfly._learn._kaleidoscope import turned

    order = bit_reversal(len(matrix)).numpy()
    found = _peel_two(matrix if increasing else matrix[order][:, order], False, goal)
    if found is None:
        return None
    first, second = found
    return (turned(first), second) if increasing else (first, turned(second))


def _project_chain(layer, weight, goal):
    n = layer.n
    matrix = np.zeros((n, n), weight.dtype)
    matrix[: layer.out_features, : layer.in_features] = weight
    twiddle = np.zeros((layer.depth, *_init.core_shape(n, layer.tied)), matrix.dtype)
    twiddle[:] = np.eye(2)
    known = np.arange(n) < layer.in_features
    # y = B_k P_k ... P_1 x with all but the last B the identity: take the permutations off the columns
    for k, permutation in enumerate(layer.permutations):
        if k == layer.depth - 2:
            two = _two_factors(*layer.permutations[k:], matrix, layer.tied, goal)
            if two is not None:
                twiddle[-2:] = two
                return twiddle
        if isinstance(permutation, LearnablePermutation):
            _choose_permutation(permutation, matrix)
        order = _indices(permutation, n)
        matrix, known = matrix[:, order], known[order]
    twiddle[-1] = _peel(np.ascontiguousarray(matrix), layer.tied, known)
    return twiddle


def _two_factors(first, second, matrix, tied, goal):
    """The last two factors where they make up the matrix, with a bit reversal between; or None.

    A permutation that is learnt may be the bit reversal, or the identity if it acts first.
    """
    n = len(matrix)
    reversal = bit_reversal(n).numpy()
    learnt = [isinstance(permutation, LearnablePermutation) for permutation in (first, second)]
    if not learnt[1] and (_indices(second, n) != reversal).any():
        return None
    for order in (reversal, np.arange(n)) if learnt[0] else (_indices(first, n),):
        two = _peel_two(np.ascontiguousarray(matrix[:, order[reversal]]), tied, goal)
        if two is not None:
            for permutation, bit in ((first, int(order is reversal)), (second, 1)):
                if isinstance(permutation, LearnablePermutation):
                    _decide(permutation, [bit] * (n.bit_length() - 2))
            return two
    return None


def _indices(permutation, n):
    return np.arange(n) if isinstance(permutation, nn.Identity) else permutation.permutation().cpu().numpy()


def _choose_permutation(module, matrix):
    """Set the logits to the choices under which the matrix is closest to a butterfly, and round."""
    from pyfly._learn._levels import Untied

    levels, nodes, weights, bits = Untied(), matrix[None], np.ones((1, len(matrix))), []
    for _ in range(max(module.n.bit_length() - 2, 0)):
        steps = [levels.step(nodes, weights, bit) for bit in (0, 1)]
        bits.append(int(steps[1].residual < steps[0].residual))
        nodes, weights = steps[bits[-1]].children, steps[bits[-1]].weights
    _decide(module, bits[::-1])


def _decide(module, bits):
    """Round to given choices a of the levels, the smallest blocks first."""
    logits = torch.full((len(bits), 3), -1.0)
    logits[:, 0] = 2.0 * torch.tensor(bits) - 1.0
    with torch.no_grad():
        module.logits.copy_(logits if not module.shared else logits.mean(0, keepdim=True))
    module.round_()


def _refine(layer, weight, steps):
    """Least squares from the projection: L-BFGS on the squared distance of the matrices."""
    parameters = [layer.twiddle]
    optimizer = torch.optim.LBFGS(
        parameters, max_iter=steps, history_size=20, line_search_fn="strong_wolfe", tolerance_change=1e-14
    )
    start, norm = layer.twiddle.detach().clone(), weight.abs().square().sum()

    def loss():
        return (layer.matrix() - weight).abs().square().sum() / norm

    def closure():
        optimizer.zero_grad()
        value = loss()
        value.backward()
        return value

    before = loss().item()
    optimizer.step(closure)
    with torch.no_grad():
        if not loss().item() <= before:
            layer.twiddle.copy_(start)
    layer.twiddle.grad = None


def from_linear(linear, layer=Butterfly, *, refine=0, **options):
    """A butterfly layer that approximates a trained torch.nn.Linear.

    The weight is projected in double precision: onto the last two factors where these make it up, with decreasing
    strides after increasing ones or a bit reversal between; else onto the last one, by taking off one stage after the
    other. Two factors are found again where in_features = n and out_features a multiple of it, n the power of two; one
    is found at any sizes. Of other weights the latter is a greedy approximation. L-BFGS then reduces the distance on
    demand.

    Parameters
    ----------
    linear : torch.nn.Linear
        The trained layer; it is not changed.
    layer : type
        `Butterfly`, `Kaleidoscope`, `BP` or `BPBP`. With ``permutation="learn"`` the choices are made by the
        projection and rounded.
    refine : int
        Iterations of L-BFGS on the distance of the matrices, at the cost of a few passes over in_features vectors each.
    **options
        Arguments of the layer but ``bias``, which follows `linear`; so do ``dtype`` and ``device`` by default. Complex
        weights need ``complex=True``.

    Returns
    -------
    layer
        In the dtype and on the device of `linear`, or in those of `options`.

    Raises
    ------
    TypeError
        If `linear` is no torch.nn.Linear, its weight is complex and the layer real, the layer's factors are angles, or
        ``bias`` is given.
    ValueError
        If the weight holds infinities or NaN.

    Notes
    -----
    O(n^2) operations without `refine`, O(n^2 log n) for two factors. Not found: a weight that is the real part of
    complex factors (the cosine transform is one), needs more than two factors or a corner of two (a `Kaleidoscope` of
    depth or expansion above 1), or a learnt permutation with the reversals b and c: only choices a are tried, for all
    levels alike where two factors are found. Weights of trained networks are usually not close to a butterfly: look
    at the error, and train on. Zheng, Riccietti and Gribonval, arXiv:2110.01230.

    Examples
    --------
    >>> import torch
    >>> from pyfly.torch import Butterfly, from_linear
    >>> linear = Butterfly(16, 16).to_linear()
    >>> error = (from_linear(linear).to_linear().weight - linear.weight).norm() / linear.weight.norm()
    >>> bool(error < 1e-6)
    True
    """
    if not isinstance(linear, nn.Linear):
        raise TypeError(f"linear is a {type(linear).__name__}, but must be a torch.nn.Linear")
    if not (isinstance(layer, type) and issubclass(layer, (Butterfly, BPChain))) or issubclass(layer, ButterflyUnitary):
        raise TypeError(f"layer = {layer!r} must be Butterfly, Kaleidoscope, BP or BPBP, with free factors")
    _refuse_bias(options)
    weight = linear.weight.detach()
    dtype, device = options.get("dtype"), options.get("device")
    inner = {**options, "dtype": torch.float64, "device": "cpu"}
    made = layer(linear.in_features, linear.out_features, linear.bias is not None, **inner)
    if weight.is_complex() and (not made.complex or getattr(made, "real_output", False)):
        raise TypeError("linear has a complex weight: pass complex=True, and real_output=False where there is one")
    exact = weight.to("cpu", torch.complex128 if made.complex else torch.float64)
    if not exact.isfinite().all():
        raise ValueError("the weight of linear holds infinities or NaN")
    project = _project_chain if isinstance(made, BPChain) else _project_butterfly
    twiddle = torch.from_numpy(project(made, exact.numpy(), max(_EXACT, 4 * torch.finfo(weight.dtype).eps)))
    with torch.no_grad():
        made.twiddle.copy_(torch.view_as_real(twiddle) if made.complex else twiddle)
        if linear.bias is not None:
            bias = linear.bias.detach().to("cpu")
            made.bias.copy_(torch.view_as_real(bias.to(torch.complex128)) if made.bias.dim() == 2 else bias)
    if refine:
        _refine(made, exact if not getattr(made, "real_output", True) or not made.complex else exact.real, refine)
    return made.to(
        device=weight.device if device is None else device, dtype=weight.dtype.to_real() if dtype is None else dtype
    )


def _refuse_bias(options):
    if "bias" in options:
        raise TypeError("bias is an option that follows linear: leave it out")


def to_linear(layer):
    """The dense torch.nn.Linear with the matrix and bias of a butterfly layer.

    Parameters
    ----------
    layer : Butterfly, ButterflyUnitary, Kaleidoscope, BP or BPBP

    Returns
    -------
    torch.nn.Linear
    """
    if not isinstance(layer, StructuredLinear):
        raise TypeError(f"layer is a {type(layer).__name__}, but must be a layer of pyfly.torch")
    return layer.to_linear()


def replace_linear(model, filter=None, layer=Butterfly, *, project=True, **options):
    """Replace torch.nn.Linear layers inside a model, in place.

    Parameters
    ----------
    model : torch.nn.Module
        The model; its own class is not changed, so it must not be a torch.nn.Linear itself.
    filter : callable, optional
        ``filter(name, linear)`` tells whether to replace; by default every one with at least 512 inputs and outputs,
        below which little is gained.
    layer : type
        As in `from_linear`.
    project : bool
        Whether to project the trained weights; otherwise the new layers start from their ``init``.
    **options
        Arguments of `from_linear`, or of the layer; as there, dtype and device are those of each replaced layer unless
        they are given, and ``bias`` is not one of them.

    Returns
    -------
    list of str
        Names of the replaced modules.

    Notes
    -----
    Training mode and ``requires_grad`` of weight and bias are kept. A layer used in several places stays one layer;
    hooks of a replaced layer are lost, and a weight that is tied to another module stays there alone.

    Examples
    --------
    >>> from torch import nn
    >>> from pyfly.torch import replace_linear
    >>> model = nn.Sequential(nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))
    >>> replace_linear(model)
    ['0']
    """
    if isinstance(model, nn.Linear):
        raise TypeError("model is a torch.nn.Linear itself: use from_linear")
    if filter is None:

        def filter(name, linear):
            return min(linear.in_features, linear.out_features) >= 512

    # one layer used in several places stays one layer
    made, names = {}, []
    for name, module in list(model.named_modules(remove_duplicate=False)):
        if not (type(module) is nn.Linear and filter(name, module)):
            continue
        if id(module) not in made:
            made[id(module)] = _replacement(module, layer, project, options)
        parent, _, child = name.rpartition(".")
        setattr(model.get_submodule(parent), child, made[id(module)])
        names.append(name)
    if names:
        _leave_fast_paths(model)
    return names


def _leave_fast_paths(model):
    """Make torch's transformer layers call their parts: in evaluation they hand dense weights to one kernel."""
    for module in model.modules():
        if isinstance(module, nn.TransformerEncoderLayer):
            if not (isinstance(module.linear1, nn.Linear) and isinstance(module.linear2, nn.Linear)):
                module.activation_relu_or_gelu = 0  # "another activation": that kernel is not for it
        elif isinstance(module, nn.TransformerEncoder):
            module.use_nested_tensor = False  # asks the first layer for its weights


def _replacement(linear, layer, project, options):
    if project:
        new = from_linear(linear, layer, **options)
    else:
        _refuse_bias(options)
        weight = linear.weight
        options = {"dtype": weight.dtype.to_real(), "device": weight.device, **options}
        new = layer(linear.in_features, linear.out_features, linear.bias is not None, **options)
    new.train(linear.training).requires_grad_(linear.weight.requires_grad)
    if linear.bias is not None:
        new.bias.requires_grad_(linear.bias.requires_grad)
    return new


_LAYERS = {kind.__name__: kind for kind in (Butterfly, ButterflyUnitary, Kaleidoscope, BPChain, BP, BPBP)}


def from_checkpoint(state, prefix="", *, in_features=None, increasing_stride=True):
    """A layer from a checkpoint of this library, or of the authors' (torch_butterfly) by the shapes in it.

    Parameters
    ----------
    state : dict
        A state dict, as torch.load(path, weights_only=True) gives it. The metadata that ``Module.state_dict`` and
        torch.save keep beside its entries say how a layer of this library was made.
    prefix : str
        Name of the layer in it with its dot, e.g. ``"encoder.fc1."``.
    in_features : int, optional
        Size of the input where it is no power of two and there are no metadata.
    increasing_stride : bool
        As the layer was made, where there are no metadata; False for a `Kaleidoscope`.

    Returns
    -------
    layer
        Of the class it was saved from. Without metadata, as in checkpoints of the authors' library and in copies that
        hold the entries alone, a `Butterfly`, or a `ButterflyUnitary` where the factors are four angles.

    Raises
    ------
    ValueError
        If there are no factors under `prefix` or their shape is unknown.

    Examples
    --------
    >>> from torch import nn
    >>> from pyfly.torch import Kaleidoscope, from_checkpoint
    >>> state = nn.Sequential(Kaleidoscope(8, 6, depth=3)).state_dict()
    >>> layer = from_checkpoint(state, "0.")
    >>> type(layer).__name__, layer.depth
    ('Kaleidoscope', 3)
    """
    own = {name[len(prefix) :]: value for name, value in state.items() if name.startswith(prefix)}
    if "twiddle" not in own:
        raise ValueError(f"the checkpoint has no entry {prefix + 'twiddle'!r}; it has {sorted(state)[:8]}")
    recipe = getattr(state, "_metadata", {}).get(prefix[:-1], {}).get("recipe")
    if recipe is None:
        own = {name: own[name] for name in ("twiddle", "bias") if name in own}
        layer = _by_shapes(own["twiddle"], own.get("bias"), prefix, in_features, increasing_stride)
    else:
        layer = _by_recipe(dict(recipe), own["twiddle"].dtype)
    layer.load_state_dict(own)
    return layer


def _by_recipe(recipe, dtype):
    kind = _LAYERS.get(recipe.pop("layer"))
    if kind is None:
        raise ValueError("the checkpoint was made by a class derived from a layer: make one and load the state into it")
    init = recipe.pop("init", None)
    layer = kind(**recipe, **({} if init is None else {"init": "identity"}), dtype=dtype)
    if init is not None:
        layer.init = init
    return layer


def _by_shapes(twiddle, bias, prefix, in_features, increasing_stride):
    shape = tuple(twiddle.shape)
    stages = shape[2] if len(shape) in (5, 6, 7) else -1
    n = 1 << max(stages, 0)
    core = (stages, n // 2)
    if stages >= 0 and len(shape) == 5 and shape[2:] == (*core, 4):
        kind, options = ButterflyUnitary, {}
    elif stages >= 0 and shape[2:] in ((*core, 2, 2), (*core, 2, 2, 2)):
        kind, options = Butterfly, {"complex": len(shape) == 7}
    else:
        raise ValueError(
            f"{prefix}twiddle has shape {shape}; without metadata known are (stacks, blocks, log2 n, n/2, 2, 2), with "
            f"another 2 at the end for complex factors, and (stacks, blocks, log2 n, n/2, 4) for angles: make other "
            f"layers and load the state into them"
        )
    layer = kind(
        n if in_features is None else in_features,
        shape[0] * n if bias is None else bias.shape[0],
        bias is not None,
        increasing_stride=increasing_stride,
        nblocks=shape[1],
        dtype=twiddle.dtype,
        **options,
    )
    if tuple(layer.twiddle.shape) != shape:
        raise ValueError(
            f"in_features = {in_features} does not fit factors of shape {shape}: at most {n}, over {n // 2}"
        )
    return layer


def parameter_groups(model, lr, *, weight_decay=0.0, base_width=None):
    """Parameter groups for an optimizer: no weight decay on factors and biases, learning rates by width on demand.

    Parameters
    ----------
    model : torch.nn.Module
        Any model; its butterfly layers are recognised.
    lr : float
        Learning rate; with `base_width`, that of a dense layer of so many inputs.
    weight_decay : float
        For all but factors, logits, biases and other vectors. Factors and logits are those of the layers'
        ``structured_parameters()``, behind a parametrization too; each carries the flag ``_is_structured`` for
        optimizers of others.
    base_width : int, optional
        Width at which `lr` was tuned for Adam. A dense layer then gets ``lr * base_width / in_features``, and a
        butterfly ``lr * base_width / (2 stages)``: blocks are two wide whatever the layer's width, and the changes that
        one step makes in the stages add up in the product. Embeddings, biases and other vectors keep `lr`.

    Returns
    -------
    list of dict

    Raises
    ------
    ValueError
        If `lr` or `weight_decay` is negative, or `base_width` no positive integer.

    Notes
    -----
    The rule "learning rate as one over the width of the dense blocks, standard deviation as one over its root" is
    that of Qiu et al., arXiv:2406.06248, for structured layers; division by the number of stages follows from asking
    for the same first-order change of the output.

    Examples
    --------
    >>> from torch import nn, optim
    >>> from pyfly.torch import Butterfly, parameter_groups
    >>> model = nn.Sequential(Butterfly(256, 256), nn.ReLU(), nn.Linear(256, 10))
    >>> groups = parameter_groups(model, 1e-3, weight_decay=0.1, base_width=256)
    >>> [(group["lr"], group["weight_decay"], len(group["params"])) for group in groups]
    [(0.016, 0.0, 1), (0.001, 0.0, 2), (0.001, 0.1, 1)]
    """
    for name, value in (("lr", lr), ("weight_decay", weight_decay)):
        if not value >= 0:
            raise ValueError(f"{name} = {value} must not be negative")
    base_width = None if base_width is None else as_size("base_width", base_width)
    layers = [module for module in model.modules() if isinstance(module, Structured)]
    structured = {id(parameter): module for module in layers for parameter in module.structured_parameters()}
    groups, seen = {}, set()
    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            if id(parameter) in seen or not parameter.requires_grad:
                continue
            seen.add(id(parameter))
            layer = structured.get(id(parameter))
            # the bias of a complex layer has two axes
            matrix = parameter.dim() > 1 and layer is None and name != "bias"
            rate = lr
            if base_width is not None:
                if isinstance(layer, StructuredLinear):
                    rate = lr * base_width / (2 * max(layer.n.bit_length() - 1, 1) * _blocks(layer))
                elif matrix and not isinstance(module, (nn.Embedding, nn.EmbeddingBag)):
                    rate = lr * base_width / (parameter.numel() // parameter.shape[0])
            decay = weight_decay if matrix else 0.0
            groups.setdefault((rate, decay), []).append(parameter)
    return [{"params": params, "lr": rate, "weight_decay": decay} for (rate, decay), params in groups.items()]


def _blocks(module):
    return module.depth if isinstance(module, BPChain) else module.nblocks
