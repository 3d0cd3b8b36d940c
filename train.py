"""Train one configuration from flags: ``python train.py --help`` lists them all."""

import sys

from dlsweep.cli import train_main

if __name__ == "__main__":
    sys.exit(train_main())
