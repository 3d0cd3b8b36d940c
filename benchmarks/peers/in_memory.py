"""The careful script: the data as tensors in memory, batches by index, fused updates."""

from __future__ import annotations

import time

import torch
from torch.nn import functional as F

from benchmarks.peers.networks import network, optimizer
from dlsweep.config import RunConfig
from dlsweep.data import Dataset


def in_memory_loop(config: RunConfig, data: Dataset, epochs: int) -> list[float]:
    images, labels = data.train.images, data.train.labels
    model = network(config, images[0].numel(), data.num_classes)
    opt = optimizer(config, model, fused=True)
    seconds = []
    for _ in range(epochs):
        began = time.perf_counter()
        order = torch.randperm(len(labels))
        total = torch.zeros(())
        for batch in order.split(config.batch_size):
            opt.zero_grad()
            loss = F.cross_entropy(model(images[batch]), labels[batch])
            loss.backward()
            opt.step()
            total += loss.detach()
        with torch.no_grad():
            (model(data.val.images).argmax(1) == data.val.labels).float().mean().item()
        seconds.append(time.perf_counter() - began)
    return seconds
