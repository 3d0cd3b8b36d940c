"""One's own data: read from files or a function, and kept in the cache until it changes."""

from dlsweep.data.own._arrays import raw_of_arrays
from dlsweep.data.own._function import find_function
from dlsweep.data.own._own import OwnData, dataset_key, keep
from dlsweep.data.own._pictures import pictures_in
from dlsweep.data.own._read import with_test

__all__ = [
    "OwnData",
    "dataset_key",
    "find_function",
    "keep",
    "pictures_in",
    "raw_of_arrays",
    "with_test",
]
