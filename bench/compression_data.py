"""Data for the compression experiments: CIFAR-10's binary files, the .amat variants of MNIST, and two sets that ship
with scikit-learn.

Every reader returns images as float32 of shape (count, channels, 32, 32) with values in [0, 1], and labels. Nothing is
downloaded and nothing is unpickled: files come from a folder the user names, and their sizes are checked before they
are read.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np

SIDE = 32
_CIFAR_RECORD = 1 + 3 * SIDE * SIDE
_AMAT_SIDE = 28


@dataclass
class Dataset:
    """Images and labels, split for training and testing."""

    name: str
    note: str
    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray

    @property
    def classes(self):
        return int(max(self.train_labels.max(), self.test_labels.max())) + 1


def cifar10(folder):
    """CIFAR-10 from its binary version: data_batch_1.bin to data_batch_5.bin and test_batch.bin."""
    train = [read_cifar(Path(folder) / f"data_batch_{k}.bin") for k in range(1, 6)]
    images, labels = (np.concatenate(parts) for parts in zip(*train, strict=True))
    return Dataset("CIFAR-10", "the user's files", images, labels, *read_cifar(Path(folder) / "test_batch.bin"))


def read_cifar(path):
    """Images and labels of one binary file: records of a label and 3 x 32 x 32 bytes."""
    size = path.stat().st_size
    if size == 0 or size % _CIFAR_RECORD:
        raise ValueError(f"{path} has {size} bytes, which is no multiple of {_CIFAR_RECORD}, CIFAR-10's record")
    records = np.fromfile(path, np.uint8).reshape(-1, _CIFAR_RECORD)
    labels = records[:, 0].astype(np.int64)
    if labels.max() > 9:
        raise ValueError(f"{path} has a label {labels.max()}, but CIFAR-10 has 0 to 9")
    return records[:, 1:].reshape(-1, 3, SIDE, SIDE).astype(np.float32) / 255, labels


def mnist_rotated(folder):
    """MNIST, rotated on background images: ...background...rotation...train_valid.amat, and the same with test.amat."""
    train, test = (read_amat(_only(folder, f"*background*rotation*{part}*.amat")) for part in ("train", "test"))
    return Dataset("MNIST-bg-rot", "the user's files", *train, *test)


def mnist_noise(folder, test=2000, seed=0):
    """MNIST with correlated noise, variation 1: ...noise...1.amat, rows shuffled, the last ``test`` for testing."""
    images, labels = read_amat(_only(folder, "*noise*1.amat"))
    if len(labels) <= test:
        raise ValueError(f"the noise file has {len(labels)} rows: more than {test} are needed, so many are for testing")
    order = np.random.default_rng(seed).permutation(len(labels))
    images, labels = images[order], labels[order]
    note = f"the user's file, {test} shuffled rows for testing"
    return Dataset("MNIST-noise", note, images[:-test], labels[:-test], images[-test:], labels[-test:])


def read_amat(path):
    """Images and labels of a text file of 784 pixels and a label a line, padded from 28 x 28 to 32 x 32."""
    rows = np.loadtxt(path, dtype=np.float32, ndmin=2)
    if rows.shape[1] != _AMAT_SIDE**2 + 1:
        raise ValueError(f"{path} has {rows.shape[1]} numbers a line instead of {_AMAT_SIDE**2} pixels and a label")
    labels = rows[:, -1]
    if not np.isin(labels, np.arange(10)).all():
        raise ValueError(f"{path} has labels other than 0 to 9")
    margin = (SIDE - _AMAT_SIDE) // 2
    images = rows[:, :-1].reshape(-1, 1, _AMAT_SIDE, _AMAT_SIDE)
    return np.pad(images, [(0, 0), (0, 0), (margin, margin), (margin, margin)]), labels.astype(np.int64)


def _only(folder, pattern):
    found = sorted(Path(folder).glob(pattern))
    if len(found) != 1:
        raise FileNotFoundError(f"{folder} has {len(found)} files {pattern}: one is needed")
    return found[0]


def digits(folder=None):
    """scikit-learn's digits, 8 x 8 pixels magnified to 32 x 32; the last 30 % in the order of the file for testing."""
    from sklearn.datasets import load_digits

    data = load_digits()
    images = np.kron(data.images[:, None] / 16, np.ones((4, 4))).astype(np.float32)
    labels = data.target.astype(np.int64)
    cut = len(labels) * 7 // 10
    note = "ships with scikit-learn: 1797 digits, 8 x 8 magnified; tested on the last 30 %, other writers among them"
    return Dataset("digits", note, images[:cut], labels[:cut], images[cut:], labels[cut:])


def patches(folder=None, cell=96, step=12):
    """Patches of scikit-learn's two photographs in four orientations: eight classes, photograph x orientation.

    Each photograph is cut into cells; every fourth is held out, so that no pixel is in both parts.
    """
    from sklearn.datasets import load_sample_images

    parts = {False: ([], []), True: ([], [])}
    for photograph, image in enumerate(load_sample_images().images):
        image = np.moveaxis(image.astype(np.float32) / 255, -1, 0)
        for row in range(image.shape[1] // cell):
            for column in range(image.shape[2] // cell):
                held_out = (row + 2 * column) % 4 == 0
                block = image[:, row * cell : (row + 1) * cell, column * cell : (column + 1) * cell]
                windows = np.lib.stride_tricks.sliding_window_view(block, (SIDE, SIDE), axis=(1, 2))[:, ::step, ::step]
                windows = np.moveaxis(windows, 0, 2).reshape(-1, 3, SIDE, SIDE)
                for turn in range(4):
                    parts[held_out][0].append(np.rot90(windows, turn, axes=(2, 3)))
                    parts[held_out][1].append(np.full(len(windows), 4 * photograph + turn))
    train, test = ([np.concatenate(part) for part in parts[held_out]] for held_out in (False, True))
    note = (
        "ships with scikit-learn: 32 x 32 patches of two photographs in four orientations; tested on held-out regions"
    )
    return Dataset("patches", note, *train, *test)


# name: (reader, whether it needs a folder)
READERS = {
    "cifar10": (cifar10, True),
    "mnist-bg-rot": (mnist_rotated, True),
    "mnist-noise": (mnist_noise, True),
    "digits": (digits, False),
    "patches": (patches, False),
}


def load(name, folder=None):
    """The dataset of one reader."""
    reader, needs_folder = READERS[name]
    if needs_folder and folder is None:
        raise ValueError(f"{name} is read from files: name their folder with --folder")
    return reader(folder)


def positive(text):
    """A positive integer on a command line."""
    if int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not positive")
    return int(text)


def load_all(parser, names, folder):
    """The datasets a command line names, or its error."""
    try:
        return [load(name, folder) for name in names]
    except (OSError, ValueError) as error:
        parser.error(f"argument --folder: {error}")


def grey_features(dataset):
    """Training and test features of shape (count, 1024): channels averaged, every feature standardised."""
    train, test = (images.mean(1).reshape(len(images), -1) for images in (dataset.train_images, dataset.test_images))
    mean, deviation = train.mean(0), train.std(0)
    deviation[deviation < 1e-6] = 1
    return (train - mean) / deviation, (test - mean) / deviation
