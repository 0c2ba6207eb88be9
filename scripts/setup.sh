# Sourced by the scripts beside it, with `root` set to the checkout. `is_set_up` says in a few milliseconds whether packages and build
# are current; `set_up` makes them so, once at a time. Progress goes to standard error, so that standard output stays the verb's own.

node="$root/node_modules/.bin/node"

say() { printf 'whet: %s\n' "$*" >&2; }

# Fails with a sysexits status (69: something is missing, 75: try again) and a message that says what to do.
fail() {
  local status=$1
  shift
  say "$@"
  exit "$status"
}

has_packages() {
  [[ -x $node && -e "$root/node_modules/typescript/package.json" ]] || return 1
  # npm's own record of what is installed is newer than what is wanted; or, where a checkout touched the file, its content is what
  # was installed. The first needs no process of its own.
  [[ "$root/node_modules/.package-lock.json" -nt "$root/package-lock.json" ]] ||
    cmp -s "$root/package-lock.json" "$root/node_modules/.whetstone-lock.json"
}

# A folder's time changes when a file in it comes or goes, so removed sources count too.
has_build() {
  local built="$root/dist/.built"
  [[ -e $built ]] || return 1
  [[ -z $(find "$root/agent" "$root/tsconfig.json" "$root/package.json" -newer "$built" -print -quit) ]]
}

is_set_up() { has_packages && has_build; }

# Runs a stage quietly; its whole output is kept, and named, where it fails.
stage() {
  local what=$1 log
  shift
  log=$(mktemp "${TMPDIR:-/tmp}/whetstone-setup.XXXXXX.log")
  say "$what …"
  if ! "$@" >"$log" 2>&1 </dev/null; then
    tail -n 15 "$log" >&2
    fail 75 "failed: $what. The whole log is in $log"
  fi
  rm -f "$log"
}

install_packages() {
  command -v npm >/dev/null || fail 69 "npm is not installed, and the packages come through it." \
    "On Debian, Ubuntu and Raspberry Pi OS: sudo apt install npm"
  [[ -w $root ]] || fail 69 "cannot write into $root, where packages and build go. Run it once as the owner of that folder."
  stage "installing packages into node_modules (about 0.8 GB, once)" \
    env ONNXRUNTIME_NODE_INSTALL=skip npm --prefix "$root" ci --include=dev --include=optional --no-audit --no-fund --loglevel=error
  "$node" --version >/dev/null 2>&1 || fail 69 "the packaged Node.js does not run on this machine ($(uname -sm))." \
    "Whetstone needs 64-bit Linux with glibc 2.28 or newer, on x86-64 or arm64."
  cp "$root/package-lock.json" "$root/node_modules/.whetstone-lock.json"
}

build() { stage "building" "$node" "$root/scripts/build.mjs"; }

# The lock is on a file that is always there, and goes with the subshell however it ends. Descriptor 9 is not handed to what runs inside.
set_up() {
  is_set_up && return 0
  (
    if command -v flock >/dev/null; then
      flock --nonblock 9 || {
        say "waiting for another setup of this folder …"
        flock 9
      }
    fi
    has_packages || install_packages 9>&-
    has_build || build 9>&-
  ) 9<"$root/package.json" || exit $?
}
