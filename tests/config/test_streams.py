"""Random draws have addresses: the same address, the same draws; another one, others."""

import itertools

import numpy as np
import pytest

from dlsweep.config.streams import Purpose, dropout_key, epoch_order, stream, weight_stream


def draws(*address):
    return tuple(stream(*address).integers(2**62, size=4))


def test_the_same_address_has_the_same_draws():
    assert draws(3, Purpose.ORDER, 5) == draws(3, Purpose.ORDER, 5)


def test_other_addresses_have_other_draws():
    seeds, counters = (0, 1, 2, 12345, 2**31, 2**32 - 1), (0, 1, 2, 63_000)
    addresses = list(itertools.product(seeds, Purpose, counters))
    assert len({draws(*address) for address in addresses}) == len(addresses)


@pytest.mark.parametrize("purpose", Purpose)
def test_large_seeds_are_seeds_too(purpose):
    seeds = (0, 1, 2**32, 2**32 + 1, 2**40, 2**64, 2**64 + 1)
    assert len({draws(seed, purpose, 1) for seed in seeds}) == len(seeds)


def test_purposes_are_apart():
    assert len({draws(0, purpose, 1) for purpose in Purpose}) == len(Purpose)
    np.testing.assert_array_equal(
        weight_stream(4, 2).random(3), stream(4, Purpose.WEIGHTS, 2).random(3)
    )


def test_the_numbers_of_today_are_those_of_tomorrow():
    """A run can be repeated later: its draws are part of what it is."""
    assert weight_stream(0, 0).standard_normal(2).tolist() == pytest.approx(WEIGHTS, abs=1e-15)
    assert epoch_order(0, 1, 8).tolist() == ORDER
    assert dropout_key(0) == KEY


WEIGHTS = [0.1257302210933933, -0.1321048632913019]
ORDER = [0, 7, 1, 4, 6, 3, 5, 2]
KEY = 2103381653


@pytest.mark.parametrize("size", [1, 2, 96, 1000])
def test_an_order_is_a_permutation(size):
    order = epoch_order(1, 1, size)
    assert order.dtype == np.int64
    assert sorted(order) == list(range(size))


def test_every_epoch_and_every_seed_has_an_order_of_its_own():
    orders = {tuple(epoch_order(seed, epoch, 50)) for seed in range(5) for epoch in range(1, 6)}
    assert len(orders) == 25


def test_dropout_keys():
    keys = [dropout_key(seed) for seed in range(1000)]
    assert len(set(keys)) == 1000
    assert all(0 <= key < 2**31 for key in keys)
    assert type(keys[0]) is int


def test_no_global_state():
    before = np.random.get_state()[1].copy()
    stream(0, Purpose.WEIGHTS).random()
    np.testing.assert_array_equal(np.random.get_state()[1], before)
