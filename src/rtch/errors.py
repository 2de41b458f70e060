# SPDX-License-Identifier: MIT
"""Every exception that rtch raises on purpose.

Each class is also the builtin that a user would catch, and carries its facts as attributes::

    TorchError (Exception)
    ├── BroadcastError (ValueError)               shapes
    ├── LayoutError (ValueError)                  shape, strides
    │   ├── InvalidLayoutError
    │   ├── NonContiguousError
    │   └── OverlappingLayoutError
    ├── DimensionError (IndexError)               axis, ndim, shape
    ├── DTypeError (TypeError)                    dtype
    ├── ArgumentError (ValueError)                argument
    │   ├── ConversionError (TypeError)           shape
    │   └── NoDLPackError (AttributeError)
    ├── LinAlgError (ValueError)                  index, shape
    ├── AllocationError (MemoryError)             nbytes
    ├── DLPackError (BufferError)
    ├── AutogradError (RuntimeError)
    │   ├── MissingGradError
    │   ├── NonScalarLossError                    shape
    │   ├── FreedGraphError
    │   ├── BackwardError                         op, forward_traceback
    │   └── AnomalyError                          op, input, forward_traceback
    ├── GraphError (RuntimeError)
    ├── CheckpointError (ValueError)              path
    │   ├── CheckpointIOError (OSError)
    │   ├── CheckpointFormatError
    │   ├── CheckpointDTypeError (TypeError)      name, dtype
    │   ├── CheckpointShapeError                  name, shape
    │   └── CheckpointLayoutError                 name, strides
    ├── ExperimentError (RuntimeError)
    │   ├── StoreIOError (OSError)                path
    │   ├── SchemaError (ValueError)              path, line
    │   ├── RunNotFoundError (LookupError)        run
    │   ├── AmbiguousRunError (LookupError)       run, matches
    │   └── RunLockedError                        run
    ├── DataError (ValueError)                    path, row, column
    ├── OptimizerError (ValueError)
    ├── TrainingError (RuntimeError)
    │   └── DivergedError (ArithmeticError)       step, loss
    ├── ConfigError (ValueError)                  key
    ├── MissingExtraError (ImportError)           extra
    └── ReplayError (RuntimeError)

A message reads ``where: rule that broke; got X`` on one line.
"""

from __future__ import annotations

from typing import Any


class TorchError(Exception):
    """Root of every error that rtch raises on purpose.

    Keyword arguments become attributes, so that a handler can read the facts without parsing the message.
    """

    def __init__(self, message: str, **facts: Any) -> None:
        if "\n" in message:  # the repr of what was given
            message = " ".join(line.strip() for line in message.splitlines())
        super().__init__(message)
        self.facts = facts

    def __getattr__(self, name: str) -> Any:
        facts = self.__dict__.get("facts", {})
        if name in facts:
            return facts[name]
        raise AttributeError(f"{type(self).__name__} has no fact {name!r}")

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), str(self), self.facts)


def _rebuild(cls: type[TorchError], message: str, facts: dict[str, Any]) -> TorchError:
    return cls(message, **facts)


class BroadcastError(TorchError, ValueError):
    """Two shapes do not broadcast together."""


class LayoutError(TorchError, ValueError):
    """A layout can't be used where it was given."""


class InvalidLayoutError(LayoutError):
    """Strides or offset reach outside the storage, or a size is negative or overflows."""


class NonContiguousError(LayoutError):
    """A contiguous tensor is needed."""


class OverlappingLayoutError(LayoutError):
    """A write through a layout that maps two indices to one element."""


class DimensionError(TorchError, IndexError):
    """An axis or index out of range, or a number of dimensions that does not fit."""


class DTypeError(TorchError, TypeError):
    """A dtype that the operation does not take."""


class ArgumentError(TorchError, ValueError):
    """An argument out of its domain."""


class ConversionError(ArgumentError, TypeError):
    """A tensor of several elements, or of none, where one Python number is needed."""


class NoDLPackError(ArgumentError, AttributeError):
    """An object that does not speak DLPack."""


class LinAlgError(TorchError, ValueError):
    """A matrix that has no inverse or no decomposition of the kind asked for."""


class AllocationError(TorchError, MemoryError):
    """Memory could not be had."""


class DLPackError(TorchError, BufferError):
    """Memory can't be handed to or taken from another library as was asked."""


class AutogradError(TorchError, RuntimeError):
    """The backward pass can't run."""


class MissingGradError(AutogradError):
    """A gradient was asked for that the graph does not produce."""


class NonScalarLossError(AutogradError):
    """``backward()`` without a seed gradient on a tensor of more than one element."""


class FreedGraphError(AutogradError):
    """A second backward pass through a graph that the first one freed."""


class BackwardError(AutogradError):
    """A custom function or a hook raised in the backward pass: its exception is the ``__cause__``. `forward_traceback`
    is the traceback of the forward call, as text."""


class AnomalyError(AutogradError):
    """A gradient became NaN in anomaly mode."""


class GraphError(TorchError, RuntimeError):
    """A captured graph is not valid."""


class CheckpointError(TorchError, ValueError):
    """A checkpoint can't be read or written."""


class CheckpointIOError(CheckpointError, OSError):
    """The operating system refused to read or write a checkpoint."""


class CheckpointFormatError(CheckpointError):
    """The bytes are not a valid checkpoint."""


class CheckpointDTypeError(CheckpointError, TypeError):
    """A tensor's dtype can't be stored in, or does not match, the checkpoint."""


class CheckpointShapeError(CheckpointError):
    """A tensor's shape does not match the checkpoint."""


class CheckpointLayoutError(CheckpointError):
    """A tensor's strides are not allowed in the checkpoint."""


class ExperimentError(TorchError, RuntimeError):
    """The experiment store can't do what was asked."""


class StoreIOError(ExperimentError, OSError):
    """The operating system refused to read or write the store."""


class SchemaError(ExperimentError, ValueError):
    """A record in the store does not follow its schema."""


class RunNotFoundError(ExperimentError, LookupError):
    """No run matches."""


class AmbiguousRunError(ExperimentError, LookupError):
    """More than one run matches a prefix."""


class RunLockedError(ExperimentError):
    """Another process is writing this run."""


class DataError(TorchError, ValueError):
    """Input data can't be used."""


class OptimizerError(TorchError, ValueError):
    """An optimiser can't be built or stepped."""


class TrainingError(TorchError, RuntimeError):
    """Training can't go on."""


class DivergedError(TrainingError, ArithmeticError):
    """The loss became NaN or infinite."""


class ConfigError(TorchError, ValueError):
    """A configuration has an unknown key, a wrong type or a value out of range."""


class MissingExtraError(TorchError, ImportError):
    """An optional package is not installed."""


class ReplayError(TorchError, RuntimeError):
    """A run can't be replayed."""
