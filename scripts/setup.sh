# Sourced by the scripts beside it, with `root` set to the checkout. `is_set_up` says in a few milliseconds whether packages and build
# are current; `set_up` makes them so, once at a time (`set_up dev`: with what tests and checks need too). Afterwards `$node` is the packaged
# Node.js. Progress goes to standard error, so that standard output stays the verb's own.

# The runtime reports to its maker unless its environment says otherwise before it is loaded.
export ORT_DISABLE_TELEMETRY=1

# Bash says what it was built for: on a 64-bit kernel with 32-bit programs `uname` would name the kernel's processor.
case $HOSTTYPE in
  x86_64) arch=x64 foreign=arm64 ;;
  aarch64 | arm64) arch=arm64 foreign=x64 ;;
  *) arch='' foreign='' ;;
esac
# By its own path: several packages bring a `node`, and npm up to 10 removes the link in .bin together with those that do not fit.
node="$root/node_modules/node-linux-$arch/bin/node"
packages_stamp="$root/node_modules/.whetstone-lock.json"

say() { printf 'whet: %s\n' "$*" >&2; }

# Fails with a sysexits status (69: something is missing, 75: try again) and a message that says what to do.
fail() {
  local status=$1
  shift
  say "$@"
  exit "$status"
}

# What was installed is what is wanted: the copy of the lock file that is made last of all is newer; or, where a checkout touched the
# file, the two are the same. The first needs no process of its own.
has_packages() {
  [[ -x $node && -e $packages_stamp ]] || return 1
  [[ ${1:-} != dev ]] || has_dev_packages || return 1
  [[ $packages_stamp -nt "$root/package-lock.json" ]] || cmp -s "$root/package-lock.json" "$packages_stamp"
}

has_dev_packages() { [[ -e "$root/node_modules/typescript/package.json" ]]; }

# A folder's time changes when a file in it comes or goes, so removed sources count too.
has_build() {
  local built="$root/dist/.built"
  [[ -e $built ]] || return 1
  [[ -z $(find "$root/agent" "$root/tsconfig.json" "$root/package.json" -newer "$built" -print -quit) ]]
}

is_set_up() { has_packages "$@" && has_build; }

# Says before anything is fetched what no package could mend.
check_machine() {
  [[ $OSTYPE == linux* ]] || fail 69 "Whetstone runs on Linux; this is $OSTYPE."
  case $HOSTTYPE in
    x86_64 | aarch64 | arm64) ;;
    arm* | i?86) fail 69 "this system's programs are 32-bit ($HOSTTYPE), whatever its kernel is, and Node.js and ONNX Runtime are made for" \
      "64 bit alone. Install the 64-bit edition of the system (Raspberry Pi OS 64-bit, Debian arm64 or amd64)." ;;
    *) fail 69 "Node.js and ONNX Runtime are packaged for x86-64 and arm64; this machine is $HOSTTYPE." ;;
  esac
  [[ $OSTYPE != *musl* ]] || fail 69 "this system's C library is musl (Alpine and its like); the packages need glibc 2.28 or newer." \
    "Use Debian, Ubuntu or Raspberry Pi OS."
  local glibc
  glibc=$(getconf GNU_LIBC_VERSION 2>/dev/null) || return 0
  glibc=${glibc##* }
  if ((${glibc%%.*} < 2 || (${glibc%%.*} == 2 && 10#${glibc#*.} < 28))) 2>/dev/null; then
    fail 69 "the C library is glibc $glibc; the packages need 2.28 or newer (Debian 10, Ubuntu 20.04, any 64-bit Raspberry Pi OS or newer)."
  fi
}

check_npm() {
  local version
  command -v npm >/dev/null || fail 69 "npm is not installed, and the packages come through it." \
    "On Debian, Ubuntu and Raspberry Pi OS: sudo apt install npm"
  version=$(npm --version 2>&1 </dev/null) || fail 69 "npm does not run: ${version##*$'\n'}"
  [[ ${version%%.*} =~ ^[0-9]+$ && ${version%%.*} -ge 7 ]] ||
    fail 69 "npm $version cannot read package-lock.json; 7 or newer is needed. For example: sudo npm install --global npm@8"
}

# Why a program that is there does not start: its exit status and last words → a sentence with what to do.
explain_start() {
  local status=$1 words=$2 library package
  if [[ $words =~ ([A-Za-z0-9_+.-]+\.so[0-9.]*):\ cannot\ open\ shared ]]; then
    library=${BASH_REMATCH[1]}
    case $library in
      libatomic.so.*) package=libatomic1 ;;
      libstdc++.so.*) package=libstdc++6 ;;
      libgcc_s.so.*) package=libgcc-s1 ;;
      *) package="" ;;
    esac
    printf 'the library %s is missing. %s' "$library" \
      "${package:+On Debian, Ubuntu and Raspberry Pi OS: sudo apt install $package}"
  elif [[ $words =~ version\ .(GLIBC[A-Z]*_[0-9.]+).\ not\ found ]]; then
    printf 'the C or C++ library is too old: it lacks %s. Debian 10, Ubuntu 20.04 or newer has it.' "${BASH_REMATCH[1]}"
  elif ((status == 127)) || [[ $words == *"No such file or directory"* || $words == *"required file not found"* ]]; then
    printf 'its loader is missing: this system has another C library than glibc, or 32-bit programs alone.'
  elif [[ $words == *"Exec format error"* || $words == *"cannot execute binary file"* ]]; then
    printf 'it is made for another processor than this one (%s).' "$HOSTTYPE"
  elif ((status == 126)); then
    printf '%s may not be executed: is the folder on a disk that is mounted with noexec?' "$root"
  elif ((status == 132)); then
    printf 'this processor lacks an instruction that it needs (Illegal instruction).'
  else
    printf 'exit status %s. %s' "$status" "${words##*$'\n'}"
  fi
}

check_node() {
  local words status=0
  [[ -e $node ]] || fail 69 "npm did not bring the package node-linux-$arch, which holds Node.js." \
    "Does a setting (npm config get omit, os, cpu) or a registry of your own leave it out?"
  words=$("$node" --version 2>&1) || status=$?
  ((status == 0)) || fail 69 "the packaged Node.js ($node) does not run: $(explain_start "$status" "$words")"
}

# npm leaves out an optional package that does not fit, or that it could not fetch, without a word.
check_packages() {
  local name names=("@img/sharp-linux-$arch" "@img/sharp-libvips-linux-$arch")
  if [[ ${1:-} == dev ]]; then names+=("@rolldown/binding-linux-$arch-gnu" "@biomejs/cli-linux-$arch"); fi
  for name in "${names[@]}"; do
    [[ -e "$root/node_modules/$name/package.json" ]] ||
      fail 69 "npm did not bring the package $name. Does a setting (npm config get omit, os, cpu, libc) or a registry of your own leave it out?"
  done
}

# Says every second how much has come, on a terminal alone; ends with its parent.
show_growth() {
  local folder=$1 what=$2 parent=$3 begun=$SECONDS size
  while sleep 1 && kill -0 "$parent" 2>/dev/null; do
    size=$(du -sm "$folder" 2>/dev/null)
    printf '\rwhet: %s … %s MB, %s s ' "$what" "${size%%[!0-9]*}" $((SECONDS - begun)) >&2
  done
}

# Runs a stage quietly; its whole output is kept, and named, where it fails. Its first argument is a folder that grows meanwhile, or ''.
stage() {
  local growing=$1 what=$2 log watcher='' status=0
  shift 2
  log=$(mktemp "${TMPDIR:-/tmp}/whetstone-setup.XXXXXX.log") || fail 73 "cannot write into ${TMPDIR:-/tmp}"
  if [[ -n $growing && -t 2 ]]; then
    printf 'whet: %s …' "$what" >&2
    show_growth "$growing" "$what" "$BASHPID" &
    watcher=$!
  else
    say "$what …"
  fi
  "$@" >"$log" 2>&1 </dev/null || status=$?
  if [[ -n $watcher ]]; then
    kill "$watcher" 2>/dev/null
    wait "$watcher" 2>/dev/null
    printf '\n' >&2
  fi
  if ((status != 0)); then
    tail -n 15 "$log" >&2
    fail 75 "failed: $what. The whole log is in $log"
  fi
  rm -f "$log"
}

# One package brings the runtime for every system, another the headers for compiling modules, and some versions of npm bring binaries of other
# C libraries or WebAssembly: what this machine cannot run or never reads goes. Without `dev`, so does what only compilers and debuggers read.
prune_packages() {
  local modules="$root/node_modules"
  rm -rf "$modules"/onnxruntime-node/bin/napi-v*/{darwin,win32} "$modules"/onnxruntime-node/bin/napi-v*/linux/"$foreign" \
    "$modules/node-linux-$foreign" "$modules/node-linux-$arch"/{include,lib,share} \
    "$modules"/{,@*/}*-{musl,linuxmusl-"$arch",wasm32,wasm32-wasi}
  [[ ${1:-} == dev ]] || find "$modules" -type f \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' \) -delete
}

install_packages() {
  local omit=(--omit=dev) what="installing packages (once; 0.5 GB come, 0.2 GB stay)" cache="${npm_config_cache:-${HOME:-/nonexistent}/.npm}" own_cache=''
  check_machine
  check_npm
  [[ -w $root ]] || fail 69 "cannot write into $root, where packages and build go. Run it once as the owner of that folder."
  if [[ ${1:-} == dev ]]; then omit=(--include=dev) what="installing packages, with those for tests (once; 0.8 GB come, 0.5 GB stay)"; fi
  # A home that cannot be written, as services and kiosks have, keeps nobody from installing.
  if ! { mkdir -p "$cache" && [[ -w $cache ]]; } 2>/dev/null; then own_cache=$(mktemp -d) cache=$own_cache; fi
  stage "$root/node_modules" "$what" env ONNXRUNTIME_NODE_INSTALL=skip NODE_ENV= \
    npm --prefix "$root" ci "${omit[@]}" --include=optional --cache "$cache" --no-audit --no-fund --loglevel=error
  [[ -z $own_cache ]] || rm -rf "$own_cache"
  check_node
  check_packages "$@"
  prune_packages "$@"
  cp "$root/package-lock.json" "$packages_stamp"
}

build() { stage '' "building" "$node" --disable-warning=ExperimentalWarning "$root/scripts/build.mjs"; }

# The lock is on a file that is always there, and goes with the subshell however it ends. Descriptor 9 is not handed to what runs inside.
set_up() {
  is_set_up "$@" && return 0
  (
    if command -v flock >/dev/null; then
      flock --nonblock 9 || {
        say "waiting for another setup of this folder …"
        flock 9
      }
    fi
    # Who has the packages for tests keeps them when the list changes.
    if has_dev_packages; then set -- dev; fi
    has_packages "$@" || install_packages "$@" 9>&-
    has_build || build 9>&-
  ) 9<"$root/package.json" || exit $?
}
