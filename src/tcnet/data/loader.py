"""Batches for the training loop, prefetched by worker processes."""

import signal
from collections.abc import Generator, Iterator

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from tcnet.data.samples import SampleMaker
from tcnet.errors import MediaError, TcnetError
from tcnet.system.signals import held_back

PREFETCH = 4  # batches per worker


class StepNumbers:
    """The sample numbers of each batch of one process: a batch sampler for torch's DataLoader.

    Step s of all processes together uses the numbers s * n .. (s + 1) * n - 1, n = ranks * accumulate *
    batch: how they are spread over processes and accumulated batches does not change which they are.
    """

    def __init__(self, start: int, stop: int, *, batch: int, accumulate: int, rank: int, ranks: int) -> None:
        self._steps = range(start, stop)
        self._batch = batch
        self._accumulate = accumulate
        self._rank = rank
        self._ranks = ranks

    def __len__(self) -> int:
        return len(self._steps) * self._accumulate

    def __iter__(self) -> Iterator[list[int]]:
        for step in self._steps:
            for part in range(self._accumulate):
                place = (step * self._ranks + self._rank) * self._accumulate + part
                yield list(range(place * self._batch, (place + 1) * self._batch))


def load_batches(
    samples: SampleMaker, numbers: StepNumbers, *, workers: int, pin_memory: bool
) -> Generator[dict[str, Tensor]]:
    """Batches in the order of `numbers`, each {"lr": (B, T, 3, h, w), "hr": ...} uint8; to be closed.

    Workers start at once, as processes of their own: a copy of this one has the objects but not the threads
    of FFmpeg and torch, and waits for them forever as soon as it frees such an object.

    Raises MediaError as `SampleMaker`, TcnetError where a worker was killed.
    """
    loader = DataLoader(
        samples,
        batch_sampler=numbers,
        num_workers=workers,
        multiprocessing_context="spawn" if workers else None,
        worker_init_fn=_begin_worker,
        prefetch_factor=PREFETCH if workers else None,
        pin_memory=pin_memory,
    )
    # The training process decides when to end; a Ctrl-C reaches the whole group.
    with held_back(signal.SIGINT, signal.SIGTERM):
        return _plainly_failing(iter(loader))


def _plainly_failing(batches: Iterator[dict[str, Tensor]]) -> Generator[dict[str, Tensor]]:
    """`batches`, with errors of workers in one line: torch puts their tracebacks before it.

    Workers end with the last reference to `batches`. One that was left, such as in the frames of an error,
    would keep this process from ending: they do not heed the signal by which Python ends them.
    """
    try:
        yield from batches
    except MediaError as error:
        said = str(error).rstrip().rpartition(f"{MediaError.__name__}: ")[2]
        raise MediaError(said) from error.with_traceback(None)
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        raise TcnetError(
            "a process that makes samples was killed, mostly for want of memory: close other programs, or "
            "set data.workers to fewer"
        ) from error.with_traceback(None)
    finally:
        del batches


def _begin_worker(_worker: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    torch.set_num_threads(1)
