#!/usr/bin/env bash
# How cmake/setup.sh keeps services from starting while apt installs: in a sandbox with a /usr/sbin and an apt of its own.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/sbin" "$work/bin"
policy=$work/sbin/policy-rc.d

# An apt that asks the policy as the scripts of packages do, and then fails or not.
cat >"$work/bin/apt-get" <<APT
#!/bin/bash
for word in "\$@"; do [[ \$word == update ]] && exit 0; done
/usr/sbin/policy-rc.d munge start
echo \$? >"$work/asked"
[[ -e $work/ended ]] && kill -TERM \$PPID && sleep 1
[[ ! -e $work/fails ]]
APT
chmod +x "$work/bin/apt-get"

sandbox() {
  bwrap --ro-bind / / --dev /dev --proc /proc --bind "$work" "$work" --bind "$work/sbin" /usr/sbin \
    --setenv PATH "$work/bin:$PATH" --chdir "$root" bash -c 'source cmake/setup.sh; apt_install munge'
}
bwrap --ro-bind / / --dev /dev --proc /proc true 2>/dev/null || { echo "skipped: no sandbox by bwrap here"; exit 77; }
asked() { [[ $(<"$work/asked") == "$1" ]] || { echo "$2: apt was told $(<"$work/asked"), expected $1"; exit 1; }; rm "$work/asked"; }
absent() { [[ ! -e $policy ]] || { echo "$1: policy-rc.d was left"; exit 1; }; }

sandbox && asked 101 "none there" && absent "none there"
touch "$work/fails"
if sandbox; then echo "a failed apt is no success"; exit 1; fi
asked 101 "apt fails" && absent "apt fails"
rm "$work/fails"
touch "$work/ended"
if sandbox; then echo "an ended apt is no success"; exit 1; fi
asked 101 "ended by a signal" && absent "ended by a signal"
rm "$work/ended"

printf '#!/bin/sh\nexit 104\n' >"$policy"
chmod +x "$policy"
before=$(sha256sum <"$policy")
sandbox && asked 104 "another's"
[[ -x $policy && $(sha256sum <"$policy") == "$before" ]] || { echo "another's policy-rc.d was touched"; exit 1; }

# One that a killed run of ours left.
printf '#!/bin/sh\n# of ./run and ./test, while apt installs\nexit 101\n' >"$policy"
chmod +x "$policy"
sandbox && asked 101 "left" && absent "left"
echo "ok"
