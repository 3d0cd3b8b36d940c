"""A program that ignores the signals that ask it to end, and so does its child."""

import json
import os
import signal
import subprocess
import sys
import time

signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.signal(signal.SIGINT, signal.SIG_IGN)
child = subprocess.Popen(["sleep", "100000"])
with open("pids.new", "w") as file:
    json.dump([os.getpid(), child.pid], file)
os.replace("pids.new", "pids")
while "--leaves-child" not in sys.argv:
    time.sleep(0.02)
