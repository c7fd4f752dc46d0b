"""The compression experiment of arXiv:1903.05895, section 4.2: one hidden layer of 1024 units, dense or structured.

    python bench/compression.py                                     digits and patches, which ship with scikit-learn
    python bench/compression.py --data cifar10 --folder cifar-10-batches-bin --epochs 100
    python bench/compression.py --data mnist-bg-rot mnist-noise --folder amat --epochs 100

    y = W2 relu(W x + b) + b2,    W 1024 x 1024

SGD with momentum 0.9, batches of 50, 15 % of the training data for validation, no decay, no dropout; the learning rate
is the one best in validation with the first seed, and the accuracy is the test accuracy at the epoch best in
validation. Compression = n^2 over the parameters of W and of an output layer of ten classes, as the paper counts.
"""

from __future__ import annotations

import argparse
import json
import time

import numpy as np
import torch
from compression_data import READERS, grey_features, load_all, positive
from compression_layers import HIDDEN, Network, compression, parameters_of

N = 1024
RATES = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
BATCH = 50


def split(features, labels, seed):
    """Training and validation parts: 15 % of the rows, chosen by the seed, for validation."""
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    cut = len(labels) - len(labels) * 15 // 100
    return [(features[rows], labels[rows]) for rows in (order[:cut], order[cut:])]


def accuracy(model, features, labels):
    """Share of right answers in percent."""
    with torch.inference_mode():
        right = sum(
            (model(x).argmax(-1) == y).sum().item()
            for x, y in zip(features.split(1000), labels.split(1000), strict=True)
        )
    return 100 * right / len(labels)


def train(hidden, data, rate, epochs, seed):
    """Train one network.

    Returns
    -------
    dict
        ``validation`` and ``test`` accuracy at the epoch best in validation, ``seconds`` of training an epoch.
    """
    torch.manual_seed(seed)
    (features, labels), validation = split(*data["train"], seed)
    model = Network(hidden, features.shape[-1], data["classes"])
    optimizer = torch.optim.SGD(model.parameters(), rate, momentum=0.9)
    best, seconds = {"validation": -1.0, "test": 0.0}, 0.0
    for _ in range(epochs):
        start = time.perf_counter()
        for rows in torch.randperm(len(labels)).split(BATCH):
            loss = torch.nn.functional.cross_entropy(model(features[rows]), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        seconds += time.perf_counter() - start
        if not torch.isfinite(loss):
            break
        reached = accuracy(model, *validation)
        if reached > best["validation"]:
            best = {"validation": reached, "test": accuracy(model, *data["test"])}
    return {**best, "seconds": seconds / epochs}


def median_time(function, budget=0.3):
    """Median time of a call in microseconds."""
    function()
    times, stop = [], time.perf_counter() + budget
    while time.perf_counter() < stop:
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return 1e6 * float(np.median(times))


def layer_times(hidden):
    """Times of the hidden layer alone: inference of one vector and a vector of 256, and a training step of 50."""
    torch.manual_seed(0)
    layer = HIDDEN[hidden](N)
    x, few, many = torch.randn(BATCH, N), torch.randn(1, N), torch.randn(256, N)
    optimizer = torch.optim.SGD(layer.parameters(), 1e-6, momentum=0.9)

    def step():
        optimizer.zero_grad()
        layer(x).sum().backward()
        optimizer.step()

    row = {"us_step": round(median_time(step))}
    with torch.inference_mode():
        row["us_batch_1"] = round(median_time(lambda: layer(few)), 1)
        row["us_batch_256"] = round(median_time(lambda: layer(many)) / 256, 2)
    return row


def run(dataset, methods, rates, epochs, seeds, report=print):
    """All methods on one dataset; a list of rows."""
    train_features, test_features = grey_features(dataset)
    data = {
        "train": (torch.from_numpy(train_features), torch.from_numpy(dataset.train_labels)),
        "test": (torch.from_numpy(test_features), torch.from_numpy(dataset.test_labels)),
        "classes": dataset.classes,
    }
    rows = []
    for hidden in methods:
        # the first seed's runs choose the rate, and one of them is the first of the results
        first = {rate: train(hidden, data, rate, epochs, seeds[0]) for rate in rates}
        rate = max(first, key=lambda r: first[r]["validation"])
        runs = [first[rate], *(train(hidden, data, rate, epochs, seed) for seed in seeds[1:])]
        parameters = parameters_of(HIDDEN[hidden](N))
        row = {
            "dataset": dataset.name,
            "method": hidden,
            "accuracy": [round(r["test"], 2) for r in runs],
            "parameters": parameters,
            "compression": round(compression(parameters), 1),
            "rate": rate,
            "epoch_seconds": round(float(np.median([r["seconds"] for r in runs])), 3),
            **layer_times(hidden),
        }
        rows.append(row)
        report(line(row))
    return rows


HEAD = (
    "| hidden layer | test accuracy, % | numbers in W | compression | rate | s an epoch | µs: step | batch 1 | 256 |\n"
    "|---|---|---|---|---|---|---|---|---|"
)
TIMES = "| hidden layer | µs a training step of 50 | µs, batch 1 | µs a vector, batch 256 |\n|---|---|---|---|"


def line(row):
    """One row of the table."""
    values = row["accuracy"]
    spread = f" ± {np.std(values, ddof=1):.2f}" if len(values) > 1 else ""
    return (
        f"| {row['method']} | {np.mean(values):.2f}{spread} | {row['parameters']} | {row['compression']} "
        f"| {row['rate']} | {row['epoch_seconds']} | {row['us_step']} | {row['us_batch_1']} | {row['us_batch_256']} |"
    )


def parse(arguments=None):
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="+", choices=READERS, help="datasets (default: digits patches)")
    parser.add_argument("--folder", help="where the files of cifar10 or of the MNIST variants are")
    parser.add_argument("--methods", nargs="+", choices=HIDDEN, default=list(HIDDEN))
    parser.add_argument("--epochs", type=positive, default=15)
    parser.add_argument("--rates", nargs="+", type=float, default=RATES)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--threads", type=positive, default=1)
    parser.add_argument("--times", action="store_true", help="time the layers only; needs a quiet machine, not data")
    parser.add_argument("--json", metavar="PATH", help="write all rows to a file")
    options = parser.parse_args(arguments)
    if options.json:
        try:
            open(options.json, "a").close()
        except OSError as error:
            parser.error(f"argument --json: {error}")
    names = [] if options.times else options.data or ["digits", "patches"]
    options.datasets = load_all(parser, names, options.folder)
    return options


def main(arguments=None):
    """Run the experiment and print a table for every dataset."""
    options = parse(arguments)
    torch.set_num_threads(options.threads)  # the kernels follow
    if options.times:
        print(TIMES)
        for hidden in options.methods:
            times = layer_times(hidden)
            print(f"| {hidden} | {times['us_step']} | {times['us_batch_1']} | {times['us_batch_256']} |", flush=True)
        return
    if options.data is None:
        print("No dataset was named: running on data that ship with scikit-learn, not on the paper's.")
    rows = []
    for dataset in options.datasets:
        print(f"\n{dataset.name}: {len(dataset.train_labels)} training and {len(dataset.test_labels)} test images")
        print(
            f"({dataset.note}); {options.epochs} epochs, seeds {options.seeds}, rates {list(options.rates)}\n\n{HEAD}"
        )
        rows += run(
            dataset, options.methods, options.rates, options.epochs, options.seeds, lambda s: print(s, flush=True)
        )
    if options.json:
        with open(options.json, "w") as file:
            json.dump(rows, file, indent=1)


if __name__ == "__main__":
    main()
