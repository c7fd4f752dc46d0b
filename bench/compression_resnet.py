"""The ResNet variant of the compression experiment: ResNet18 with one more layer, and a ReLU, before the last.

    python bench/compression_resnet.py --data cifar10 --folder cifar-10-batches-bin --epochs 100 --drop-every 25
    python bench/compression_resnet.py --data patches --width 8 --epochs 4 --drop-every 2           short, shipped data

First convolution 3x3 of stride 1, no max-pooling: for images of 32 x 32. SGD with momentum 0.9 and weight decay 2e-4
(none on butterfly factors); the rate falls by a factor every so many epochs; random crops and, for CIFAR-10, flips.
The extra layer has 8 x width units: 512 for ResNet18. arXiv:1903.05895, section 4.2.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import torch
from compression_data import READERS, load_all, positive
from compression_layers import HIDDEN, parameters_of
from torch import nn

from pyfly.torch import parameter_groups

EXTRA = ("none", *HIDDEN)


class Block(nn.Module):
    """Two 3x3 convolutions beside a shortcut."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.shortcut = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        return torch.relu(self.body(x) + self.shortcut(x))


def resnet18(channels, classes, extra="none", width=64):
    """ResNet18 for small images; ``extra`` names a hidden layer of 8 x width units before the last, or none."""
    layers = [nn.Conv2d(channels, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
    inputs = width
    for level in range(4):
        outputs = width << level
        layers += [Block(inputs, outputs, 1 if level == 0 else 2), Block(outputs, outputs, 1)]
        inputs = outputs
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    if extra != "none":
        layers += [HIDDEN[extra](inputs), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(inputs, classes))


def augmented(images, flip):
    """Each image shifted by up to 4 pixels, zeros moving in, and half of them flipped."""
    count, _, height, width = images.shape
    padded = nn.functional.pad(images, (4, 4, 4, 4))
    top, left = torch.randint(0, 9, (2, count, 1))
    rows, columns = top + torch.arange(height), left + torch.arange(width)
    if flip:
        columns = torch.where(torch.rand(count, 1) < 0.5, columns.flip(1), columns)
    index = torch.arange(count)[:, None, None]
    return padded.permute(0, 2, 3, 1)[index, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def accuracy(model, images, labels):
    """Share of right answers in percent."""
    model.eval()
    with torch.inference_mode():
        parts = zip(images.split(200), labels.split(200), strict=True)
        right = sum((model(x).argmax(-1) == y).sum().item() for x, y in parts)
    model.train()
    return 100 * right / len(labels)


def run(dataset, extra, options, seed):
    """Train one network; test accuracy after the last epoch, its parameters and the time."""
    torch.manual_seed(seed)
    mean = dataset.train_images.mean((0, 2, 3), keepdims=True)
    deviation = np.maximum(dataset.train_images.std((0, 2, 3), keepdims=True), 1e-6)
    train, test = (torch.from_numpy((x - mean) / deviation) for x in (dataset.train_images, dataset.test_images))
    labels, test_labels = torch.from_numpy(dataset.train_labels), torch.from_numpy(dataset.test_labels)
    model = resnet18(train.shape[1], dataset.classes, extra, options.width)
    groups = parameter_groups(model, options.rate, weight_decay=2e-4)
    optimizer = torch.optim.SGD(groups, options.rate, momentum=0.9)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, options.drop_every, options.drop)
    start = time.perf_counter()
    for _ in range(options.epochs):
        for rows in torch.randperm(len(labels)).split(options.batch):
            # the labels of the photographs' patches are orientations, and digits are not symmetric
            x = augmented(train[rows], flip=dataset.name == "CIFAR-10")
            loss = nn.functional.cross_entropy(model(x), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        schedule.step()
    seconds = (time.perf_counter() - start) / options.epochs
    return accuracy(model, test, test_labels), parameters_of(model), seconds


def parse(arguments=None):
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", choices=READERS, default="patches")
    parser.add_argument("--folder", help="where the files of cifar10 or of the MNIST variants are")
    parser.add_argument("--extra", nargs="+", choices=EXTRA, default=["none", "dense", "BPBP complex"])
    parser.add_argument("--width", type=positive, default=64, help="channels of the first level; 64 is ResNet18")
    parser.add_argument("--epochs", type=positive, default=100)
    parser.add_argument("--batch", type=positive, default=128)
    parser.add_argument("--rate", type=float, default=0.1)
    parser.add_argument("--drop", type=float, default=0.2, help="factor by which the rate falls")
    parser.add_argument("--drop-every", type=positive, default=25, help="epochs between two falls")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--limit", type=positive, help="use so many training images")
    parser.add_argument("--threads", type=positive, default=1)
    options = parser.parse_args(arguments)
    if options.width & (options.width - 1):
        parser.error(f"argument --width: {options.width} is no power of two, as the extra layers need")
    (options.dataset,) = load_all(parser, [options.data], options.folder)
    return options


def main(arguments=None):
    """Run the experiment and print its table."""
    options = parse(arguments)
    torch.set_num_threads(options.threads)
    dataset = options.dataset
    if options.limit is not None:
        rows = np.random.default_rng(0).permutation(len(dataset.train_labels))[: options.limit]
        dataset.train_images, dataset.train_labels = dataset.train_images[rows], dataset.train_labels[rows]
    print(f"{dataset.name}: {len(dataset.train_labels)} training and {len(dataset.test_labels)} test images")
    print(f"({dataset.note}); {options.epochs} epochs, width {options.width}, seeds {options.seeds}\n")
    print("| extra layer | test accuracy, % | parameters | s an epoch |\n|---|---|---|---|")
    for extra in options.extra:
        results = [run(dataset, extra, options, seed) for seed in options.seeds]
        values = [result[0] for result in results]
        spread = f" ± {np.std(values, ddof=1):.2f}" if len(values) > 1 else ""
        seconds = np.median([result[2] for result in results])
        print(f"| {extra} | {np.mean(values):.2f}{spread} | {results[0][1]} | {seconds:.1f} |", flush=True)


if __name__ == "__main__":
    main()
