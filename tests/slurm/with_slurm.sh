#!/usr/bin/env bash
# with_slurm.sh [--conf FILE] COMMAND... runs the command beside a real Slurm of four nodes, n1 to n4, on this machine: in a
# temporary folder, on free ports, as whoever calls it. SLURM_CONF and HADAL_SLURM_DIR (that folder: run/*.pid, log/) are
# set for the command, whose exit status it returns. Whatever happens, also to this shell, all of it is stopped and its
# folder removed. --conf: such a slurm.conf, with @DIR@ @NAME@ @USER@ @PORT0@ .. @PORT4@, in place of slurm.conf.in.
# Exit status 77: skipped, no Slurm is installed.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
skip() { echo "skipped: $*"; exit 77; }

template=$here/slurm.conf.in
if [[ ${1:-} == --conf ]]; then
  template=$2
  shift 2
fi
for program in munged slurmctld slurmd sbatch squeue scancel sinfo scontrol; do
  command -v "$program" >/dev/null || skip "$program is not installed (apt-get install slurmctld slurmd slurm-client slurm-wlm-basic-plugins munge)"
done

# Everybody may enter the folder: jobs of other users run below it.
folder=$(mktemp -d "${TMPDIR:-/tmp}/hadal_slurm.XXXXXX")
chmod 755 "$folder"
name=${folder##*.}
name=hadal${name,,}
export SLURM_CONF=$folder/slurm.conf HADAL_SLURM_DIR=$folder

# The processes of this Slurm and of its jobs: by their environment, where a job has the cluster's name, or by what they hold
# open in the folder (slurmstepd writes its title over its environment).
processes() {
  {
    grep -lzxF -e "HADAL_SLURM_DIR=$folder" -e "SLURM_CLUSTER_NAME=$name" /proc/[0-9]*/environ
    find /proc/[0-9]*/fd -lname "$folder/*"
  } 2>/dev/null | cut -d / -f 3 | sort -u
}

# It waits for the end of a pipe that this shell alone holds open, and then clears up: so it does even after kill -9.
guard() {
  local round pids
  trap '' HUP INT TERM
  unset HADAL_SLURM_DIR SLURM_CONF
  exec >/dev/null 2>&1 </dev/null
  cat <&8
  exec 8<&-
  for round in 1 2 3 4 5 6 7 8 9 10; do
    pids=$(processes)
    [[ $pids ]] || break
    kill -KILL $pids
    sleep .05
  done
  rm -rf "$folder"
}
mkfifo "$folder/alive"
exec 7<>"$folder/alive" 8<"$folder/alive" 9>"$folder/alive" 7<&-
env -u HADAL_SLURM_DIR -u SLURM_CONF setsid bash -c "$(declare -f processes guard); folder=\$1 name=\$2; guard" guard "$folder" "$name" 9>&- &
guard_pid=$!
exec 8<&-
finish() {
  local status=$?
  if ((status)) && [[ -d $folder/log ]]; then tail -n 5 "$folder"/log/slurm*.log >&2 || true; fi
  exec 9>&-
  wait "$guard_pid" || true
  exit "$status"
}
trap finish EXIT
trap 'exit 130' HUP INT TERM

mkdir "$folder"/{state,log,run} "$folder"/spool "$folder"/spool/n{1..4}
dd if=/dev/urandom of="$folder/key" bs=1024 count=1 status=none
chmod 400 "$folder/key"

port_is_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
free_ports() { # five of them
  local found=() port
  while ((${#found[@]} < 5)); do
    port=$((10000 + (RANDOM << 5 | RANDOM & 31) % 20000))
    [[ " ${found[*]} " != *" $port "* ]] && port_is_free "$port" && found+=("$port")
  done
  echo "${found[@]}"
}

# Another program may take a port between its choice and its use: then once more, on others.
start() {
  local ports node
  read -ra ports <<<"$(free_ports)"
  sed -e "s|@DIR@|$folder|g; s|@NAME@|$name|g; s|@USER@|$(id -un)|g" \
    -e "s|@PORT0@|${ports[0]}|; s|@PORT1@|${ports[1]}|; s|@PORT2@|${ports[2]}|; s|@PORT3@|${ports[3]}|; s|@PORT4@|${ports[4]}|" \
    "$template" >"$SLURM_CONF"
  slurmctld 4>&- && for node in n1 n2 n3 n4; do slurmd -N "$node" 4>&- || return 1; done
  local idle=0 round
  for ((round = 0; round < 600; round++)); do
    idle=$(sinfo --noheader --format='%T %D' 2>/dev/null | sed -n 's/^idle //p') || true
    [[ $idle == 4 ]] && return 0
    sleep .1
  done
  return 1
}

{
  # --force: the folders are not munge's own.
  munged 4>&- --force --key-file="$folder/key" --socket="$folder/run/munge.socket" --pid-file="$folder/run/munged.pid" \
    --log-file="$folder/log/munged.log" --seed-file="$folder/run/munge.seed"
  for try in 1 2 3; do
    start && break
    ((try < 3)) || { echo "error: Slurm did not start" >&4; cat "$folder/log/start.log" >&4; exit 1; }
    for file in "$folder"/run/slurm*.pid; do kill -KILL "$(<"$file")" || true; done
    rm -rf "$folder"/state/*
  done
} 4>&2 9>&- >"$folder/log/start.log" 2>&1

status=0
"$@" 9>&- || status=$?
exit "$status"
