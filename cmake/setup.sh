# What ./run and ./test share: packages, the web page, configure and build. Sourced by bash from the repository's root.
# Everything it says goes to stderr, so that the output of a verb (./run generate ...) stays clean.

say() { printf '%s\n' "$*" >&2; }
die() { say "error: $*"; exit 1; }

# packages_for WHAT...: the names listed for these purposes, one a line.
packages_for() {
  local what name wanted
  while read -r what name; do
    for wanted in "$@"; do
      if [[ $what == "$wanted" ]]; then echo "$name"; fi
    done
  done <cmake/packages.txt
}

have_node() { # Node 18 or later with npm, from Debian or from elsewhere
  command -v npm >/dev/null && node -e 'process.exit(parseInt(process.versions.node) >= 18 ? 0 : 1)' 2>/dev/null
}

# missing_packages WHAT...: those that are not installed.
missing_packages() {
  local names installed name
  mapfile -t names < <(packages_for "$@")
  # dpkg-query fails when it has never heard of one of them, which is the very case this is for.
  installed=$({ dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${names[@]}" 2>/dev/null || true; } | sed -n 's/^installed //p')
  for name in "${names[@]}"; do
    grep -qxF -- "$name" <<<"$installed" || echo "$name"
  done
}

# A Slurm that is there already is somebody's, whole or not, and so is a munge that no package brought: nothing is added
# to it, and nothing of it upgraded.
have_slurm() {
  local PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
  command -v slurmctld slurmd sbatch >/dev/null && return 0
  command -v munged >/dev/null && ! dpkg-query -W munge >/dev/null 2>&1
}

# apt_install NAME...: as root. Packages that bring services would start them where there is an init system; a policy-rc.d
# that says no keeps them from it. One that is there already stays; ours goes, also where a killed run left it.
apt_install() (
  policy=/usr/sbin/policy-rc.d ours='# of ./run and ./test, while apt installs'
  if [[ ! -e $policy && ! -L $policy ]] || grep -qxF -- "$ours" "$policy" 2>/dev/null; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 1' HUP INT TERM
    mkdir -p "${policy%/*}" && printf '#!/bin/sh\n%s\nexit 101\n' "$ours" >"$policy" && chmod 755 "$policy" || exit 1
  fi
  apt=(env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Dpkg::Use-Pty=0)
  "${apt[@]}" update && "${apt[@]}" install --no-install-recommends "$@"
)

# install_packages WHAT...: asks apt for what is missing, and for nothing else. What is "web" and "slurm" is wanted where no
# Node and no Slurm is there.
install_packages() {
  local wanted=() missing as_root=() log=build/apt.log what
  for what in "$@"; do
    [[ $what == slurm ]] && have_slurm || wanted+=("$what")
  done
  have_node || wanted+=(web)
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    command -v cmake >/dev/null && command -v ninja >/dev/null && have_node && return 0 # another system: CMake will tell
    die "this system has no apt. Install what these Debian packages hold, then try again:" $(packages_for "${wanted[@]}")
  fi
  mapfile -t missing < <(missing_packages "${wanted[@]}")
  ((${#missing[@]})) || return 0

  if ((EUID != 0)); then
    if command -v sudo >/dev/null && { [[ -t 0 ]] || sudo -n true 2>/dev/null; }; then
      as_root=(sudo)
    elif ! printf '%s\n' "${missing[@]}" | grep -qvxFf <(packages_for slurm); then
      say "These packages are missing and only root can install them, so that what they are for is skipped: ${missing[*]}"
      return 0
    else
      die "these packages are missing and only root can install them: ${missing[*]}
Ask for: apt-get install --no-install-recommends ${missing[*]}"
    fi
  fi
  mkdir -p build
  say "Installing with apt: ${missing[*]}"
  say "(a few minutes the first time; the whole output is in $log)"
  if ! "${as_root[@]}" bash -c "$(declare -f apt_install); apt_install \"\$@\"" apt "${missing[@]}" >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    die "apt could not install: ${missing[*]} (its last lines are above)"
  fi
}

# hash_of PATH...: one hash over the names and contents of the files there, without what is built or fetched.
hash_of() {
  find "$@" \( -name node_modules -o -name dist -o -name test-results \) -prune -o -type f -print0 | LC_ALL=C sort -z |
    xargs -0 sha256sum | sha256sum
}

# npm_install FOLDER: its packages as the lock file says, when that changed.
npm_install() {
  local stamp="$1/node_modules/.hadal_stamp" wanted
  wanted=$(hash_of "$1/package.json" "$1/package-lock.json")
  [[ -f $stamp && $(<"$stamp") == "$wanted" ]] && return 0
  say "Installing the npm packages of $1/"
  # Browsers come from Debian, not from npm packages.
  # npm 11 refuses a lock file without the optional packages of other platforms; `install --no-save` keeps to its versions too.
  local quiet=(--no-audit --no-fund --no-progress --loglevel=error)
  export PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 PUPPETEER_SKIP_DOWNLOAD=1
  if ! (cd "$1" && { npm ci "${quiet[@]}" 2>/dev/null || npm install --no-save "${quiet[@]}"; }) >&2; then
    die "npm could not install the packages of $1/ (its message is above); is there a network?"
  fi
  mkdir -p "${stamp%/*}" && echo "$wanted" >"$stamp"
}

# The web pages, each one file that the binary embeds: web/dist/index.html and web/dist/report.html.
build_web() {
  local stamp=web/dist/.hadal_stamp wanted
  wanted=$(hash_of web)
  [[ -f web/dist/index.html && -f web/dist/report.html && -f $stamp && $(<"$stamp") == "$wanted" ]] && return 0
  npm_install web
  say "Building the web pages"
  (cd web && npm run --silent build) >&2 || die "the web pages could not be built (npm's message is above)"
  mkdir -p "${stamp%/*}" && echo "$wanted" >"$stamp"
}

# As many jobs as cores, but no more than memory holds: the heaviest files need about 1.5 GB each.
num_jobs() {
  local cores memory_kb jobs
  cores=$(nproc)
  memory_kb=$(sed -n 's/^MemAvailable: *\([0-9]*\) kB/\1/p' /proc/meminfo)
  jobs=$((${memory_kb:-1572864} / 1572864))
  ((jobs < 1)) && jobs=1
  echo $((jobs < cores ? jobs : cores))
}

# What ninja says, without what it says when there is nothing to do; steps share one line of a terminal.
show_build() {
  local line clear=''
  while IFS= read -r line; do
    case $line in
      'ninja: Entering directory'* | *'] Re-checking globbed directories...' | 'ninja: no work to do.') ;;
      '['*/*']'*)
        if [[ -t 1 ]]; then
          printf '\r\033[K%s' "${line:0:${COLUMNS:-79}}"
          clear=$'\r\033[K'
        else
          printf '%s\n' "$line"
        fi
        ;;
      *) printf '%s%s\n' "$clear" "$line"; clear='' ;;
    esac
  done
  printf '%s' "$clear"
}

# build_release TESTS(ON|OFF) TARGET...: into build/. Without tests, a build folder that has them keeps them.
build_release() {
  local tests=$1 configure=()
  shift
  if [[ ! -f build/build.ninja ]]; then
    configure=(-DHADAL_TESTS="$tests")
  elif [[ $tests == ON ]] && ! grep -q '^HADAL_TESTS:BOOL=ON' build/CMakeCache.txt; then
    configure=(-DHADAL_TESTS=ON)
  fi
  if ((${#configure[@]})); then
    cmake --preset release "${configure[@]}" >build/configure.log 2>&1 || {
      tail -n 30 build/configure.log >&2
      die "CMake could not configure build/ (its last lines are above)"
    }
  fi
  NINJA_STATUS='[%f/%t] ' ninja -C build -j "$(num_jobs)" "$@" 2>&1 | show_build >&2 || die "the build failed (the compiler's message is above)"
}

# One set-up at a time in a folder; the lock goes with the shell that holds it.
lock_build() {
  mkdir -p build
  exec 9>build/.setup_lock
  flock -n 9 || { say "Waiting for another ./run or ./test of this folder to finish building"; flock 9; }
}
unlock_build() { exec 9>&-; }
