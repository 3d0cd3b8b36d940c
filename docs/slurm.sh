#!/bin/bash
#SBATCH --job-name=dlsweep
#SBATCH --nodes=3
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=32
#SBATCH --time=08:00:00
#SBATCH --signal=B:TERM@120
# A sweep on the nodes of a SLURM job: sbatch slurm.sh. See clusters.md.
# --signal: two minutes before the end the sweep is told to leave, with checkpoints.
set -euo pipefail
source "${VENV:-$HOME/venv}/bin/activate"

export RAY_worker_niceness=0 RAY_USAGE_STATS_ENABLED=0 OMP_NUM_THREADS=1
export RAY_AUTH_MODE=token
RAY_AUTH_TOKEN=$(python -c 'import secrets; print(secrets.token_hex(32))')
export RAY_AUTH_TOKEN

cores=${SLURM_CPUS_PER_TASK:-1}
port=$((20000 + SLURM_JOB_ID % 10000)) # jobs may share a node
head=$(hostname)                       # the batch script runs on the first node
export RAY_ADDRESS="$head:$port"

# --overlap: the driver, in this script, shares the first node with a worker for each core.
srun --overlap --nodes=1 --ntasks=1 --nodelist="$head" \
    ray start --head --port "$port" --num-cpus "$cores" --include-dashboard false --block &
until python -c "import socket; socket.create_connection(('$head', $port), 1)" 2>/dev/null; do
    sleep 1
done
if ((SLURM_JOB_NUM_NODES > 1)); then
    others=$((SLURM_JOB_NUM_NODES - 1))
    srun --overlap --nodes="$others" --ntasks="$others" --exclude="$head" \
        env -u RAY_ADDRESS ray start --address "$head:$port" --num-cpus "$cores" --block &
fi

# exec would lose the trap; wait returns when a signal comes, so that dlsweep gets it.
dlsweep sweep "${SWEEP:-sweep.yaml}" --cluster auto &
driver=$!
trap 'kill -TERM $driver' TERM
wait $driver && code=0 || code=$?
while kill -0 $driver 2>/dev/null; do wait $driver && code=0 || code=$?; done
exit "$code"
