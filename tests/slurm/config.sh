#!/usr/bin/env bash
# config.sh PROGRAM: the file that `PROGRAM slurm-config` prints for four nodes on this machine is started, and runs a job on
# each. Folders, user and ports alone are exchanged for those of the test, each where the file has it.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$1" slurm-config 'n[1-2]=localhost:17001' n3=localhost:17003,n4=localhost:17004 >"$work/printed"
exchange() { # FROM TO
  grep -qF -- "$1" "$work/printed" || { echo "the printed file has no $1"; exit 1; }
  sed -i "s|$1|$2|g" "$work/printed"
}
exchange =/var/lib/slurm/slurmctld =@DIR@/state
exchange =/var/lib/slurm/slurmd.%n =@DIR@/spool/%n
exchange =/var/log/slurm =@DIR@/log
exchange =/run/ =@DIR@/run/
exchange SlurmUser=slurm SlurmUser=@USER@
exchange SlurmdUser=root SlurmdUser=@USER@
exchange ClusterName=hadal ClusterName=@NAME@
exchange SlurmctldPort=6817 SlurmctldPort=@PORT0@
for node in 1 2 3 4; do exchange "Port=1700$node" "Port=@PORT$node@"; done
# The system's own munged may serve others.
echo 'AuthInfo=socket=@DIR@/run/munge.socket' >>"$work/printed"

"$here/with_slurm.sh" --conf "$work/printed" bash -c '
  set -eu
  cd "$HADAL_SLURM_DIR"
  for node in n1 n2 n3 n4; do
    sbatch --parsable --no-requeue --nodelist=$node --output=/dev/null --wrap="echo \$SLURMD_NODENAME >$HADAL_SLURM_DIR/ran.$node"
  done
  for ((round = 0; round < 1200; round++)); do
    [[ $(cat ran.* 2>/dev/null | tr "\n" " ") == "n1 n2 n3 n4 " ]] && exit 0
    sleep .1
  done
  squeue --states=all; exit 1'
