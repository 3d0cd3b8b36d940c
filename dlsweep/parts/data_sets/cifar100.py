"""CIFAR-100: 60,000 small photographs of 100 kinds (Krizhevsky, 2009), in their binary version."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from dlsweep.parts.data_sets._published import PublishedSet

if TYPE_CHECKING:
    from dlsweep.parts.data_sets._raw import Raw
    from dlsweep.parts.data_sets._sources import Source

_CLASSES = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly
camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile
cup dinosaur dolphin elephant flatfish forest fox girl hamster house kangaroo keyboard lamp
lawn_mower leopard lion lizard lobster man maple_tree motorcycle mountain mouse mushroom
oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine
possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake
spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor
train trout tulip turtle wardrobe whale willow_tree wolf woman worm
"""


def _sources() -> Iterator[Source]:
    from dlsweep.parts.data_sets._sources import Mirror

    yield Mirror("https://www.cs.toronto.edu/~kriz/", suffix="")


def _read(contents: Mapping[str, bytes]) -> Raw:
    from dlsweep.parts.data_sets._formats import read_cifar

    return read_cifar(contents["cifar-100-binary.tar.gz"], ["train.bin"], "test.bin", 2)


DATA_SET = PublishedSet(
    name="cifar100",
    meaning="60,000 photographs of 100 kinds in colour, 32×32",
    image_shape=(3, 32, 32),
    train=(500,) * 100,
    test=(100,) * 100,
    classes=tuple(_CLASSES.split()),
    files={"cifar-100-binary.tar.gz": "03b5dce01913d631647c71ecec9e9cb8"},
    sources=_sources,
    read=_read,
)
