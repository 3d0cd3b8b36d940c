"""A program that hangs; Ctrl-C ends it."""

import os
import time

print("begun", flush=True)
try:
    while True:
        time.sleep(0.02)
except KeyboardInterrupt:
    with open("interrupted", "w") as file:
        print(os.getpid(), file=file)
