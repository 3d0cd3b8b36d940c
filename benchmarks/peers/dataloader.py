"""The script of every tutorial: torchvision-style data set, ToTensor, DataLoader, one net."""

from __future__ import annotations

import time

import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset
from torchvision.transforms import ToTensor

from benchmarks.peers.networks import network, optimizer
from dlsweep.config import RunConfig
from dlsweep.data import Dataset, Split


class Images(TorchDataset[tuple[torch.Tensor, int]]):
    """What torchvision.datasets.FashionMNIST does for each image: array → PIL image → ToTensor."""

    def __init__(self, split: Split) -> None:
        self.data = (split.images[:, 0] * 255).round().to(torch.uint8).cpu()
        self.targets = split.labels.cpu()
        self.transform = ToTensor()

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        image = Image.fromarray(self.data[index].numpy())
        return self.transform(image), int(self.targets[index])


def dataloader_script(config: RunConfig, data: Dataset, epochs: int) -> list[float]:
    train = DataLoader(Images(data.train), batch_size=config.batch_size, shuffle=True)
    val = DataLoader(Images(data.val), batch_size=config.batch_size)
    device = data.train.images.device
    model = network(config, data.image_shape, data.num_classes).to(device)
    opt = optimizer(config, model, fused=False)
    criterion = nn.CrossEntropyLoss()
    seconds = []
    for _ in range(epochs):
        began = time.perf_counter()
        model.train()
        running = 0.0
        for images, labels in train:
            images, labels = images.to(device), labels.to(device)
            opt.zero_grad()
            loss = criterion(model(images), labels)
            loss.backward()
            opt.step()
            running += loss.item()
        model.eval()
        correct = 0
        with torch.no_grad():
            for images, labels in val:
                images, labels = images.to(device), labels.to(device)
                correct += int((model(images).argmax(1) == labels).sum())
        seconds.append(time.perf_counter() - began)
    return seconds
