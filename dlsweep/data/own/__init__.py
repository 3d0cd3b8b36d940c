"""One's own data: read from files or a function, and kept in the cache until it changes."""

from dlsweep.data.own._arrays import raw_of_arrays
from dlsweep.data.own._own import OwnData

__all__ = ["OwnData", "raw_of_arrays"]
