# SPDX-License-Identifier: MIT
"""Data for training: files and made-up data in, splits, standard units and batches out."""

from __future__ import annotations

from rtch.data.dataset import Dataset, from_arrays
from rtch.data.loader import Loader
from rtch.data.reader import read_csv
from rtch.data.seeds import derive_seed
from rtch.data.standardize import Preparation, Standardizer
from rtch.data.synthetic import SyntheticDataset, make_regression

__all__ = [
    "Dataset",
    "Loader",
    "Preparation",
    "Standardizer",
    "SyntheticDataset",
    "derive_seed",
    "from_arrays",
    "make_regression",
    "read_csv",
]
