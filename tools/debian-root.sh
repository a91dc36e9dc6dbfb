# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154  # here, home, cache, suite and packages are set by ./dev
# Part of ./dev: makes the private Debian 13 root and enters it.
#
# Made by mmdebstrap into a folder with another name and renamed when complete, under a lock.
# Entered
# by a mount namespace of its own: a tmpfs on which the root's folders hang read-only, and beside
# them everything of the host that is not system (/home, /srv, …), the clone and the cache at their
# own paths. No process stands between, so signals, terminals and exit statuses are the program's.
set -euo pipefail

# Where pivot_root, chroot and others are, which a user's shell on Debian does not look into.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

# --- making it -

host_id() {
  # shellcheck source=/dev/null
  [[ ! -r /etc/os-release ]] || (. /etc/os-release && printf '%s %s' "${ID:-}" "${VERSION_ID:-}")
}

host_is_debian_13() { [[ $(host_id) == "debian 13" ]]; }

# On Debian 13 with everything installed (and in the container image) there is nothing to make.
host_serves() {
  host_is_debian_13 && [[ $(dpkg-query -W -f '${db:Status-Status}\n' "${packages[@]}" 2>/dev/null |
    grep -c '^installed$') -eq ${#packages[@]} ]]
}

root_key() { printf '%s\n' "$suite" "${packages[@]}" | sha256sum | cut -c1-12; }

own_namespace() {
  if [[ $EUID -eq 0 ]]; then
    unshare --mount "$@"
  else
    unshare --user --map-root-user --mount "$@"
  fi
}

# A container without the right to mount, or an Ubuntu that keeps namespaces from users.
need_namespace() {
  own_namespace true 2>/dev/null && return
  say "this machine does not let you make a mount namespace, which the Debian 13 root needs."
  if [[ $EUID -eq 0 ]]; then
    say "If this is a container, start it with the right to (docker run --privileged), or from a"
    die "Debian 13 image (docker run debian:13), where ./dev installs its packages and needs no" \
      "root."
  fi
  say "Run ./dev as root, or ask an administrator to allow it:"
  if [[ $(cat /proc/sys/kernel/apparmor_restrict_unprivileged_userns 2>/dev/null) == 1 ]]; then
    die "  sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
  elif [[ $(cat /proc/sys/kernel/unprivileged_userns_clone 2>/dev/null) == 0 ]]; then
    die "  sysctl -w kernel.unprivileged_userns_clone=1"
  fi
  die "  sysctl -w user.max_user_namespaces=10000   (and no security profile that forbids them)"
}

# Installs Debian packages on the host, by whatever right this user has.
install_on_host() {
  local command="apt-get update && apt-get install --yes --no-install-recommends $*"
  local -a as_root=(env DEBIAN_FRONTEND=noninteractive)
  command -v apt-get >/dev/null ||
    die "this needs Debian or Ubuntu (there is no apt-get here), or a host that has: $*"
  if [[ $EUID -ne 0 ]]; then
    if ! command -v sudo >/dev/null || { [[ ! -t 0 ]] && ! sudo -n true 2>/dev/null; }; then
      say "this machine lacks some of: $*"
      say "and you may not install them. Ask an administrator to run:"
      die "  $command"
    fi
    as_root=(sudo "${as_root[@]}")
  fi
  say "installing on this machine: $*"
  local log
  log=$(mktemp)
  "${as_root[@]}" apt-get -qq update </dev/null >&2 || say "apt-get update failed; going on without"
  "${as_root[@]}" apt-get -qq install --yes --no-install-recommends "$@" </dev/null \
    >"$log" 2>&1 || {
    tail -n 20 "$log" >&2
    die "they could not be installed. By hand:  $command"
  }
  rm -f -- "$log"
}

need_makers() {
  local -a missing=()
  command -v mmdebstrap >/dev/null || missing+=(mmdebstrap)
  [[ -e /usr/share/keyrings/debian-archive-keyring.gpg ]] || missing+=(debian-archive-keyring)
  [[ $EUID -eq 0 ]] || command -v newuidmap >/dev/null || missing+=(uidmap)
  ((${#missing[@]} == 0)) || install_on_host "${host_packages[@]}"
  [[ $EUID -ne 0 ]] || return 0
  local file name
  name=$(id -un)
  for file in /etc/subuid /etc/subgid; do
    grep -qE "^($name|$EUID):" "$file" 2>/dev/null && continue
    say "making the root needs subordinate ids, and you have none in $file."
    say "Ask an administrator to run:"
    die "  usermod --add-subuids 100000-165535 --add-subgids 100000-165535 $name"
  done
}

# The Debian mirror that this host's own apt uses, if it is a Debian.
host_mirror() {
  [[ $(host_id) == debian* ]] || return 0
  # shellcheck disable=SC2016  # apt's own variables
  apt-get indextargets --format '$(LABEL) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
    sed -n 's/^Debian //p' | head -n 1
}

show_progress() {
  local began=$SECONDS line
  while IFS= read -r line; do
    case $line in
      "I: running --"* | "I: automatically"* | "I: using"* | "I: "*" mode"*) ;;
      "I: "*"..." | "I: success"* | E:* | "W: Failed"* | "Err:"*)
        printf 'dev:  %4d s  %s\n' $((SECONDS - began)) "${line#I: }" >&2
        ;;
    esac
  done
}

# bootstrap PART LOG [MIRROR]. A user who is not root gets every file as his own: Debian's owners
# would be ids that can neither enter a private home folder nor be removed by him.
bootstrap() {
  local part=$1 log=$2 protocol proxy
  shift 2
  local -a options=(
    --variant=minbase --include="$(IFS=,; echo "${packages[*]}")"
    --keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Retries "3"'
    --dpkgopt=force-unsafe-io --dpkgopt=path-exclude=/usr/share/doc/*
    --dpkgopt=path-exclude=/usr/share/man/* --dpkgopt=path-exclude=/usr/share/locale/*
  )
  for protocol in http https; do
    eval "$(apt-config shell proxy "Acquire::$protocol::Proxy" 2>/dev/null)"
    [[ -z ${proxy:-} ]] || options+=(--aptopt="Acquire::$protocol::Proxy \"$proxy\"")
    proxy=
  done
  if [[ $EUID -eq 0 ]]; then
    # In a namespace, so that what it mounts goes with it, however it ends.
    unshare --mount --propagation private \
      mmdebstrap --mode=root --format=directory "${options[@]}" "$suite" "$part" "$@" \
      2>&1 </dev/null | tee "$log" | show_progress
    return
  fi
  # The builder is another id to the file system, so it works where everybody may.
  mkdir -p -- "$part"
  scratch=$(mktemp -d "/var/tmp/calotype-$EUID-XXXXXX")
  chmod 1777 "$scratch"
  {
    TMPDIR=$scratch mmdebstrap --mode=unshare --format=tar "${options[@]}" "$suite" - "$@" \
      2>&3 </dev/null | tar -x -C "$part" --no-same-owner --exclude='./dev/*' -f -
  } 3>&1 | tee "$log" | show_progress
}

remove_scratch() {
  [[ -n ${scratch:-} && -d $scratch ]] || return 0
  rm -rf -- "$scratch" 2>/dev/null || mmdebstrap --unshare-helper rm -rf -- "$scratch" || true
  rm -rf -- "$scratch"
  scratch=
}

# Left by makers that were killed: nobody else can be making, for the caller holds the lock.
remove_leftovers() {
  local path
  rm -rf --one-file-system -- "$cache"/root-*.part
  for path in "/var/tmp/calotype-$EUID-"*; do
    scratch=$path
    remove_scratch
  done
}

make_root() {
  local root=$1 part=$1.part log=$cache/root.log mirror began=$SECONDS
  need_namespace
  need_makers
  remove_leftovers
  trap 'remove_scratch; rm -rf --one-file-system -- "$cache"/root-*.part' EXIT
  say "making a Debian 13 root in $root"
  say "(once for all clones, about three minutes, 2.5 GB)"
  if ! bootstrap "$part" "$log" ${CALOTYPE_MIRROR:+"$CALOTYPE_MIRROR"}; then
    mirror=$(host_mirror)
    if [[ -n ${CALOTYPE_MIRROR:-} || -z $mirror ]] ||
      grep -qF -e "${mirror%/}" -e 'received signal' "$log"; then
      grep -E '^(E|Err|W):' "$log" | tail -n 10 >&2 || true
      say "the Debian 13 root could not be made; the whole log is in $log"
      die "Is the network there? CALOTYPE_MIRROR=URL ./dev … takes packages from another mirror."
    fi
    say "that failed (log in $log); trying $mirror, which this host uses"
    remove_leftovers
    bootstrap "$part" "$log" "$mirror" || die "that failed too; the whole log is in $log"
  fi
  touch "$part/etc/resolv.conf" "$part/etc/hosts" 2>/dev/null || true
  sync -f "$part"
  mv -T -- "$part" "$root"
  remove_scratch
  trap - EXIT
  say "made in $((SECONDS - began)) s"
}

# One maker at a time; whoever waited finds it made.
ensure_root() {
  local lock
  root=$cache/root-$(root_key)
  [[ ! -d $root ]] || return 0
  mkdir -p -- "$cache"
  exec {lock}>"$cache/root.lock"
  flock -n "$lock" || { say "waiting for another ./dev that is making the root"; flock "$lock"; }
  [[ -d $root ]] || make_root "$root"
  exec {lock}>&-
}

# --- entering it -

in_root() {
  mkdir -p -- "$cache/home" "$cache/ccache"
  unset CC CXX CFLAGS CXXFLAGS LDFLAGS LD_LIBRARY_PATH LD_PRELOAD PYTHONHOME PYTHONPATH VIRTUAL_ENV
  export CCACHE_DIR=$cache/ccache CCACHE_MAXSIZE=5G CCACHE_BASEDIR=$here CCACHE_NOHASHDIR=1
  export CALOTYPE_SOURCE_DIR=$here CALOTYPE_DEV_CACHE=$cache
  export LANG=C.UTF-8 LC_ALL=C.UTF-8
  # A clone that belongs to somebody else is still this clone.
  export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*'
  if [[ -n ${CALOTYPE_IN_ROOT:-} ]]; then
    exec "$@"
  elif host_serves; then
    CALOTYPE_IN_ROOT=host exec "$@"
  elif host_is_debian_13 && [[ $EUID -eq 0 ]] && ! own_namespace true 2>/dev/null; then
    install_on_host "${packages[@]}"
    CALOTYPE_IN_ROOT=host exec "$@"
  fi
  ensure_root
  own_namespace true 2>/dev/null || need_namespace
  local -a enter=(unshare --mount --propagation private)
  [[ $EUID -eq 0 ]] || enter=(unshare --user --map-root-user --mount --propagation private)
  CALOTYPE_IN_ROOT=$root exec "${enter[@]}" "$here/dev" --enter "$EUID" "$(id -g)" "$PWD" "$@"
}

# Mounts are copied with their submounts: a user namespace may not look under one.
show() { # show FROM TO
  if [[ -d $1 ]]; then mkdir -p -- "$2"; elif [[ ! -e $2 ]]; then touch -- "$2"; fi
  mount --rbind -- "$1" "$2"
}

show_only() { # best effort: who may not remount may not write to the root either
  show "$1" "$2"
  mount -o remount,bind,ro -- "$2" 2>/dev/null || true
}

holds_wanted() {
  local path
  for path in "${wanted[@]}"; do
    [[ $path != "$1"/* ]] || return 0
  done
  return 1
}

is_wanted() {
  local path
  for path in "${wanted[@]}"; do
    [[ $path != "$1" ]] || return 0
  done
  return 1
}

# compose FOLDER: the root's entries, and beside them what is wanted from the host, at its own path.
compose() {
  local folder=$1 path name
  local -A names=()
  for path in "$root$folder"/* "${wanted[@]}"; do
    path=${path#"$root"}
    [[ $path == "$folder"/* ]] || continue
    name=${path#"$folder/"}
    names[${name%%/*}]=1
  done
  for name in "${!names[@]}"; do
    path=$folder/$name
    if is_wanted "$path"; then
      show "$path" "$view$path"
    elif holds_wanted "$path"; then
      mkdir -p -- "$view$path"
      compose "$path"
    elif [[ -L $root$path ]]; then
      cp -P -- "$root$path" "$view$path"
    elif [[ -e $root$path ]]; then
      show_only "$root$path" "$view$path"
    fi
  done
}

# The system is the root's; everything else (/home, /srv, /data, …) is the host's.
compose_view() {
  local entry name
  for entry in /*; do
    case ${entry#/} in
      bin | boot | etc | lib* | lost+found | opt | sbin | usr | var | run | snap) continue ;;
    esac
    if [[ -L $entry ]]; then
      cp -P -- "$entry" "$view$entry"
    elif [[ -d $entry ]]; then
      show "$entry" "$view$entry"
    fi
  done
  mkdir -m 755 -- "$view/run" && mkdir -m 1777 -- "$view/run/lock"
  for name in etc opt usr var run; do
    if holds_wanted "/$name"; then
      mkdir -p -- "$view/$name"
      compose "/$name"
    elif [[ $name != run ]]; then
      show_only "$root/$name" "$view/$name"
    fi
  done
  for name in bin sbin lib lib32 lib64 libx32; do
    [[ ! -L $root/$name ]] || cp -P -- "$root/$name" "$view/$name"
  done
}

# hand_in VARIABLE PATH…: the first of the host's files that can be read, in memory, and its place
# in the variable.
hand_in() {
  local variable=$1 path
  shift
  unset "$variable"
  for path in "$@"; do
    [[ -r $path ]] || continue
    mkdir -p -- "$view/run/host"
    cp -- "$path" "$view/run/host/$variable"
    export "$variable=/run/host/$variable"
    return 0
  done
}

# The host's npm may have a registry of its own, behind a certificate of its own. What it has in
# variables comes along by itself.
hand_in_npm_settings() {
  hand_in npm_config_userconfig "${npm_config_userconfig:-${NPM_CONFIG_USERCONFIG:-$home/.npmrc}}"
  hand_in npm_config_globalconfig \
    "${npm_config_globalconfig:-${NPM_CONFIG_GLOBALCONFIG:-/etc/npmrc}}" /usr/{local/,}etc/npmrc
  hand_in NODE_EXTRA_CA_CERTS "${NODE_EXTRA_CA_CERTS:-/etc/ssl/certs/ca-certificates.crt}"
}

# Runs in the new namespace, as root or as a user who is root in there.
enter() {
  local uid=$1 gid=$2 folder=$3 shared view=/boot word name
  shift 3
  root=$CALOTYPE_IN_ROOT
  shared=$(dirname -- "$here")/shared
  wanted=("$here" "$cache" /var/tmp)
  [[ ! -d $shared ]] || wanted+=("$shared")
  # Folders that the command line names (--data DIR, a file to put), where the root has none.
  for word in "$folder" "$@"; do
    word=$(realpath -ms -- "${word#--*=}" 2>/dev/null) || continue
    while [[ ! -d $word ]]; do word=$(dirname -- "$word"); done
    [[ -e $root$word ]] || wanted+=("$word")
  done
  mount -t tmpfs -o mode=755 calotype "$view"
  compose_view
  mount -t tmpfs -o mode=1777 calotype-shm "$view/dev/shm" 2>/dev/null || true
  [[ ! -d $shared ]] || show_only "$shared" "$view$shared"
  # How others are found, and by which certificates they are trusted, is the host's business.
  for name in resolv.conf hosts ssl/certs/ca-certificates.crt; do
    [[ -e /etc/$name && -e $view/etc/$name ]] || continue
    show "$(readlink -f "/etc/$name")" "$view/etc/$name"
  done
  hand_in_npm_settings
  local -a as_user=()
  if ((uid != 0)); then
    cp -- "$root/etc/passwd" "$view/run/passwd"
    echo "user:x:$uid:$gid::$cache/home:/bin/bash" >>"$view/run/passwd"
    mount --bind "$view/run/passwd" "$view/etc/passwd"
    as_user=(unshare --user "--map-user=$uid" "--map-group=$gid" --)
  fi
  mkdir -- "$view/.host"
  cd -- "$view"
  pivot_root . .host
  export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
  export HOME=$cache/home TMPDIR=/tmp
  hash -r
  umount --lazy /.host
  rmdir /.host
  cd -- "$folder" 2>/dev/null || cd -- "$here"
  exec "${as_user[@]}" "$@"
}
