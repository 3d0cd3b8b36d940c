#!/bin/sh
# A shell script that trains, and evaluates in a second process.
cd "$(dirname "$0")" || exit 1
echo "flags: $*"
python argparse_train.py "$@"
python evaluate.py
