"""One of several processes that train a study together, with training that takes no time.

Usage: participant.py URL METHOD RUNS SEED [GRACE]; it prints a line for each result it stored.
"""

from __future__ import annotations

import logging
import random
import sys
import time

from dlsweep.sweep import Study, _outage, _tables
from tests.sweep.helpers import history, sweep

SPACE = {
    "learning_rate": {"values": [i / 1000 for i in range(1, 401)]},
    "optimizer": {"values": ["sgd", "adam", "nadam", "rmsprop"]},
}


def main(url: str, method: str, runs: str, seed: str, grace: str = "5") -> None:
    _tables.GRACE = float(grace)
    _outage.HEARTBEAT = float(grace) / 10
    _outage._LONGEST_PAUSE = 1.0
    logging.basicConfig(level=logging.INFO, stream=sys.stdout)
    draw = random.Random(int(seed))
    with Study.open(sweep(SPACE, method, run_cap=int(runs)), url) as study:
        print("open", flush=True)
        while True:
            points = study.ask(draw.randint(1, 8))
            if not points and not study.others():
                return
            if not points:
                time.sleep(0.2)
            for point in points:
                time.sleep(draw.random() / 50)
                row = study.finish(point, "finished", history(point.config.learning_rate))
                print(f"stored {row.number} {point.attempt}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
