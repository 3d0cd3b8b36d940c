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
    device = images.device
    model = network(config, data.image_shape, data.num_classes).to(device)
    opt = optimizer(config, model, fused=True)
    seconds = []
    for _ in range(epochs):
        began = time.perf_counter()
        model.train()
        order = torch.randperm(len(labels), device=device)
        total = torch.zeros((), device=device)
        for batch in order.split(config.batch_size):
            opt.zero_grad()
            loss = F.cross_entropy(model(images[batch]), labels[batch])
            loss.backward()
            opt.step()
            total += loss.detach()
        model.eval()
        with torch.no_grad():
            (model(data.val.images).argmax(1) == data.val.labels).float().mean().item()
        seconds.append(time.perf_counter() - began)
    return seconds
