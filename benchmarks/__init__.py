"""Programs that measure dlsweep against named peers in one run: ``python -m benchmarks --help``."""
