# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154  # here and cache are set by ./dev
# Part of ./dev: the npm packages that the page is built and tested with.
#
# Fetched once for all clones, into a folder of the cache that is named by what is wanted (the lock
# file, which has every package's hash) and renamed when complete, under a lock: once it is there
# nothing needs the network. The clone has a link to it where Node looks, web/node_modules; a folder
# of that name is somebody's own and stays. Which registry, and whom it is trusted by, is the host's
# npm's business (tools/debian-root.sh hands its settings in). No package's script is run.
set -euo pipefail

page_key() {
  (cd -- "$here/web" && cat package.json package-lock.json .npmrc) | sha256sum | cut -c1-12
}

fetch_page_packages() { # fetch_page_packages FOLDER
  local part=$1.part log=$cache/page.log
  say "fetching the page's packages (once for all clones)"
  rm -rf -- "$cache"/page-*.part
  mkdir -p -- "$part"
  cp -- "$here/web"/{package.json,package-lock.json,.npmrc} "$part"
  (cd -- "$part" && npm ci --ignore-scripts --no-fund --prefer-offline --cache "$cache/npm") \
    >"$log" 2>&1 </dev/null || {
    tail -n 15 "$log" >&2
    die "npm could not fetch the page's packages; the whole log is in $log"
  }
  sync -f "$part"
  mv -T -- "$part" "$1"
}

ensure_page_packages() {
  local lock folder link=$here/web/node_modules
  folder=$cache/page-$(page_key)
  if [[ ! -d $folder ]]; then
    exec {lock}>"$cache/page.lock"
    flock -n "$lock" ||
      { say "waiting for another ./dev that fetches the page's packages"; flock "$lock"; }
    [[ -d $folder ]] || fetch_page_packages "$folder"
    exec {lock}>&-
  fi
  [[ ! -e $link || -L $link ]] || return 0
  [[ $(readlink -- "$link") != "$folder/node_modules" ]] || return 0
  ln -sfn -- "$folder/node_modules" "$link.$$"
  mv -T -- "$link.$$" "$link"
}
