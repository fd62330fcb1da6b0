#!/bin/bash
# A run on machines that SLURM gives; docs/cluster.md explains it. Type this in this folder, which
# all machines must reach:
#
#     sbatch --job-name first cluster/slurm.sh digits_cnn --samples 200
#
# The job's name is the run's name. When SLURM starts the job again, or when you type the same again
# after its time is over, the run is resumed.

#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1     # Ray starts once on every machine
#SBATCH --exclusive             # it takes all CPUs and GPUs that it finds
#SBATCH --time=08:00:00
#SBATCH --requeue               # after a preemption, or the loss of a machine
#SBATCH --open-mode=append      # the output of all stretches in one file

set -euo pipefail

export PATH="$PWD/.venv/bin:$PATH"
export TUNE_JOBS_STORAGE="${TUNE_JOBS_STORAGE:-$PWD/results}"
export RAY_AUTH_MODE=token      # the machines are shared: Ray answers only those who have the token
[ -e ~/.ray/auth_token ] || ray get-auth-token --generate > /dev/null

if tune-jobs status "$SLURM_JOB_NAME" > /dev/null 2>&1; then
    command=(tune-jobs resume "$SLURM_JOB_NAME")
else
    command=(tune-jobs run "$@" --name "$SLURM_JOB_NAME")
fi

# The first machine has the head and the driver.
head=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
srun ray symmetric-run --address "$head:6379" --min-nodes "$SLURM_NNODES" -- "${command[@]}"
