"""What a process that trains stacks does: what it is given and told comes through a pipe."""

from __future__ import annotations

import functools
import multiprocessing
import os
import signal
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from multiprocessing.connection import Connection

import torch

from dlsweep.sweep._jobs import Event, Job, Trained, remembering, train_job
from dlsweep.training import EpochMetrics, keep_freed_memory, load_data, threads

SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""Signals that a whole group of processes gets; the one that owns the sweep acts for all."""


class Word(Enum):
    """What is said to a process in training."""

    RECORDED = auto()
    """The results of one ``Trained`` are: it is said once for each that has any."""
    LEAVE = auto()


@dataclass(frozen=True)
class Asked:
    """What a worker sends for its judge."""

    metrics: Mapping[int, EpochMetrics]


@dataclass(frozen=True)
class Answer:
    """What the judge says to it."""

    leave: Mapping[int, str]


class Mailbox:
    """A worker's end of its pipe."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._unrecorded = 0
        self._leaving = False

    def send(self, event: Event) -> None:
        """Tell what has happened."""
        self._unrecorded += isinstance(event, Trained) and bool(event.end.results)
        self._pipe.send(event)

    def next_job(self) -> Job:
        """The next stack to train."""
        while True:
            message = self._pipe.recv()
            if isinstance(message, Job):
                self._unrecorded, self._leaving = 0, False
                return message

    def _read(self) -> object:
        message = self._pipe.recv()
        self._unrecorded -= message is Word.RECORDED
        self._leaving |= message is Word.LEAVE
        return message

    @property
    def leaving(self) -> bool:
        """See ``Orders``."""
        while self._pipe.poll():
            self._read()
        return self._leaving

    def recorded(self, *, wait: bool) -> bool:
        """See ``Orders``."""
        while self._unrecorded and (wait or self._pipe.poll()):
            self._read()
        return not self._unrecorded

    def judge(self, metrics: Mapping[int, EpochMetrics]) -> Mapping[int, str]:
        """See ``Orders``."""
        self._pipe.send(Asked(metrics))
        while True:
            message = self._read()
            if isinstance(message, Answer):
                return message.leave


def work(pipe: Connection, most_threads: int, gpu: int | None) -> None:
    """What a worker process does: train what comes through the pipe until the pipe closes."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    keep_freed_memory()
    if gpu is not None:
        torch.cuda.set_device(gpu)
    load, mailbox = remembering(functools.partial(load_data, share=True)), Mailbox(pipe)
    try:
        while True:
            job = mailbox.next_job()
            torch.set_num_threads(threads(job.configs[0]) or most_threads)
            for event in train_job(job, load, mailbox):
                mailbox.send(event)
    except (EOFError, OSError):
        return


def _end_with_parent() -> None:
    """End this process when the one that started it has ended, even in the middle of an epoch."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
