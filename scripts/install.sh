#!/usr/bin/env bash
# Installs this checkout as a systemd service: program in /opt/whetstone, command /usr/local/bin/whet, unit, user, example configuration.
# Run it again to upgrade. It keeps configuration, samples and releases; --uninstall does too, unless --purge is given.
set -euo pipefail
root=$(cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/.." && pwd -P)
. "$root/scripts/setup.sh"

usage() {
  cat <<'TXT'
Usage: sudo scripts/install.sh [--prefix DIR] [--uninstall [--purge]]
  --prefix DIR   where the program goes (default /opt/whetstone)
  --uninstall    remove program, command and unit; configuration, samples and releases stay
  --purge        with --uninstall: remove those too, and the user
With DESTDIR set everything is laid out below that folder, and neither users nor services are touched.
TXT
}

prefix=/opt/whetstone uninstall=false purge=false
while (($#)); do
  case $1 in
    --prefix)
      prefix=${2:-}
      if (($# > 1)); then shift; fi
      ;;
    --prefix=*) prefix=${1#*=} ;;
    --uninstall) uninstall=true ;;
    --purge) purge=true ;;
    -h | --help)
      usage
      exit 0
      ;;
    *)
      usage >&2
      fail 64 "unknown argument: $1"
      ;;
  esac
  shift
done

destination=${DESTDIR:-}
unit=$destination/etc/systemd/system/whetstone.service
backoff=$unit.d/backoff.conf
command=$destination/usr/local/bin/whet
config=$destination/etc/whetstone
state=$destination/var/lib/whetstone
inbox=$destination/srv/whetstone/inbox
program=$destination$prefix
readonly min_backoff_systemd=254

# The prefix stands in the unit, whose syntax gives blanks, quotes and % a meaning; and the folder is replaced as a whole.
[[ $prefix =~ ^/[A-Za-z0-9._/+-]+$ && $prefix != *..* ]] || fail 64 "--prefix takes an absolute path of letters, digits and . _ + -, not '$prefix'"
[[ ! -e $program || -e $program/dist/main.js || -z $(ls -A "$program") ]] ||
  fail 73 "$program exists and is no Whetstone: name another folder with --prefix"
$purge && ! $uninstall && fail 64 "--purge goes with --uninstall"

live() { [[ -z $destination ]]; }

if live; then
  [[ $(id -u) == 0 ]] || fail 77 "installing a service needs root: sudo scripts/install.sh"
  command -v systemctl >/dev/null || fail 69 "there is no systemd here. Run the daemon from the checkout: scripts/whet run"
fi

remove() {
  if live; then systemctl disable --now --quiet whetstone.service 2>/dev/null || true; fi
  rm -f "$command" "$unit" "$backoff"
  rmdir "$unit.d" 2>/dev/null || true
  rm -rf "$program"
  if live; then systemctl daemon-reload; fi
  if ! $purge; then
    say "removed. Configuration, samples and releases are still in $config and $state (--purge removes them)"
    return
  fi
  rm -rf "$config" "$state"
  if live && getent passwd whetstone >/dev/null; then userdel whetstone; fi
  say "removed, with configuration, samples and releases. Pictures in $inbox are yours and still there"
}

# Packages that run here: what npm calls production ones, as paths below the checkout.
runtime_packages() {
  npm --prefix "$root" ls --omit=dev --all --parseable --loglevel=silent | tail -n +2 | while IFS= read -r path; do
    if [[ -d $path ]]; then printf '%s\n' "${path#"$root/"}"; fi
  done
}

# Everything goes into a folder beside the old program, and the two are swapped at the end: a broken copy replaces nothing. What this
# machine cannot run or never reads was left out, or stays behind (prune_packages).
copy_program() {
  local fresh=$program.new old=$program.old parts=() name
  for name in dist package.json LICENSE README.md CHANGELOG.md models systemd; do
    if [[ -e $root/$name ]]; then parts+=("$name"); fi
  done
  mapfile -t -O "${#parts[@]}" parts < <(runtime_packages)
  rm -rf "$fresh" "$old"
  mkdir -p "$fresh/bin"
  tar -C "$root" --owner=0 --group=0 --mode='u+rwX,go+rX,go-w' --exclude='*.map' \
    --exclude='*.d.ts' --exclude='*.d.mts' --exclude='*.d.cts' -cf - "${parts[@]}" | tar --no-same-owner -xf - -C "$fresh"
  # One path for the unit and the command, whatever the processor.
  ln -s "../node_modules/node-linux-$arch/bin/node" "$fresh/bin/node"
  "$fresh/bin/node" "$fresh/dist/main.js" --version >/dev/null || fail 70 "the copied program does not start; nothing was replaced"
  if [[ -e $program ]]; then mv "$program" "$old"; fi
  mv "$fresh" "$program"
  rm -rf "$old"
}

# Writes a file through a temporary one, so that nobody ever sees half of it.
write() {
  local path=$1 mode=$2
  mkdir -p "$(dirname "$path")"
  cat >"$path.new"
  chmod "$mode" "$path.new"
  mv "$path.new" "$path"
}

install_files() {
  printf '#!/bin/sh\nexec env ORT_DISABLE_TELEMETRY=1 %s/bin/node %s/dist/main.js "$@"\n' "$prefix" "$prefix" | write "$command" 755
  sed "s#/opt/whetstone#$prefix#g" "$root/systemd/whetstone.service" | write "$unit" 644
  # Older versions of systemd do not know these settings, and would complain at every start.
  if (($(systemctl --version 2>/dev/null | awk 'NR == 1 { print $2 + 0 }' || true) >= min_backoff_systemd)); then
    write "$backoff" 644 <"$root/systemd/backoff.conf"
  else
    rm -f "$backoff"
  fi
  mkdir -p "$inbox"
  if [[ ! -e $config/whetstone.yaml ]]; then
    sed "s#/opt/whetstone#$prefix#g" "$root/systemd/whetstone.example.yaml" | write "$config/whetstone.yaml" 640
  fi
}

# Cameras, microphones and sensors belong to groups, of which a system has some and lacks others.
make_user() {
  getent passwd whetstone >/dev/null ||
    useradd --system --user-group --home-dir /var/lib/whetstone --no-create-home --shell /usr/sbin/nologin whetstone
  local group
  for group in video audio render gpio i2c iio; do
    if getent group "$group" >/dev/null; then usermod --append --groups "$group" whetstone; fi
  done
  chgrp whetstone "$config" "$config/whetstone.yaml"
  # Group members may drop pictures, which stay readable for the daemon.
  chown whetstone:whetstone "$inbox"
  chmod 2775 "$inbox"
}

if $uninstall; then
  remove
  exit 0
fi

# Packages and build belong to the owner of the checkout, also when root installs.
owner=$(stat -c %U "$root")
if [[ $(id -u) == 0 && $owner != root ]]; then
  is_set_up || runuser -u "$owner" -- "$root/scripts/whet" --version >/dev/null
else
  set_up
fi
say "copying the program to $program …"
copy_program
install_files
if live; then
  make_user
  systemctl daemon-reload
  systemctl try-restart whetstone.service
fi
cat >&2 <<TXT
whet: installed in $program. What comes next, the first time:
  1. put your model and its card into $config: model.onnx, model.json
  2. edit $config/whetstone.yaml, then: whet check --config $config/whetstone.yaml
  3. systemctl enable --now whetstone; journalctl -fu whetstone
TXT
