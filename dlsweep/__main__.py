"""``python -m dlsweep``: the command, where its script is not on the path."""

from dlsweep.cli import main

if __name__ == "__main__":  # processes that train import this file too
    raise SystemExit(main())
