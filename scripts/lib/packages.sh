# shellcheck shell=bash
# What must be installed before anything here can run, and how to install what is missing. Sourced, never run.

PG_MAJOR=${PG_MAJOR:-15}
CLANG_MAJOR=${CLANG_MAJOR:-14}   # the one that PGXS of PostgreSQL 15 calls for bitcode on Debian 12
PG_CONFIG=${PG_CONFIG:-/usr/lib/postgresql/$PG_MAJOR/bin/pg_config}

# To build, install and try the extension.
PACKAGES_DEMO=("postgresql-$PG_MAJOR" "postgresql-server-dev-$PG_MAJOR" "postgresql-client-$PG_MAJOR"
  build-essential "clang-$CLANG_MAJOR" nlohmann-json3-dev)

# To test it as well: unit tests, cross-checks, benchmarks, fuzzers and sanitizers, TAP, format.
# shellcheck disable=SC2034  # scripts/test uses it
PACKAGES_TEST=("${PACKAGES_DEMO[@]}" cmake libgtest-dev libboost-math-dev libbenchmark-dev
  "libclang-rt-$CLANG_MAJOR-dev" libipc-run-perl "clang-format-$CLANG_MAJOR" "clang-tidy-$CLANG_MAJOR")

# To serve the web dashboard, and to test it and the HTTP API as well.
# shellcheck disable=SC2034  # scripts/demo and scripts/test use them
PACKAGES_WEB=(python3 python3-fastapi python3-psycopg python3-psycopg-pool python3-uvicorn)
# shellcheck disable=SC2034
PACKAGES_TEST_WEB=("${PACKAGES_WEB[@]}" python3-pytest python3-httpx python3-yaml chromium)
# Taken apart, not installed: they would start services that nobody here asked for.
# shellcheck disable=SC2034
PACKAGES_MONITORING=(prometheus prometheus-postgres-exporter)

as_root() {
  if ((EUID == 0)); then "$@"; else sudo -- "$@"; fi
}

package_installed() {
  [[ $(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

# The server package would create and start a cluster of its own, which nobody here asked for. Where postgresql-common
# has been here before, its configuration and its clusters are somebody else's and stay as they are.
packages_no_default_cluster() {
  local conf=/etc/postgresql-common/createcluster.conf
  if as_root test -e "$conf" || dpkg-query -W -f='${db:Status-Status}\n' postgresql-common 2>/dev/null |
    grep -qv '^not-installed$'; then
    return 0
  fi
  as_root mkdir -p "${conf%/*}"
  printf '%s\n' '# written by anomaly_insights before PostgreSQL was installed' 'create_main_cluster = false' |
    as_root tee "$conf" >/dev/null
}

# packages_install PACKAGE... installs those that are missing; where none is, apt is not even asked.
packages_install() {
  local package missing=()
  for package in "$@"; do
    package_installed "$package" || missing+=("$package")
  done
  ((${#missing[@]})) || return 0

  echo "installing: ${missing[*]}" >&2
  packages_no_default_cluster
  local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300)
  as_root "${apt[@]}" update >&2
  as_root "${apt[@]}" install --no-install-recommends "${missing[@]}" >&2 </dev/null
}

# packages_extract DIR PACKAGE...: their files below DIR, without installing them.
packages_extract() {
  local dir=$1 deb
  shift
  mkdir -p "$dir/debs"
  (
    cd "$dir/debs"
    apt-get -q download "$@" 2>/dev/null || { as_root apt-get -q update && apt-get -q download "$@"; }
  ) >&2
  for deb in "$dir"/debs/*.deb; do dpkg -x "$deb" "$dir"; done
}

# node_install: Node.js with npm, unless the machine has one that is new enough.
node_install() {
  if command -v npm >/dev/null && node -e 'process.exit(process.versions.node.split(".")[0] >= 18 ? 0 : 1)'; then
    return 0
  fi
  packages_install nodejs npm
}

# extension_install DIR: build the extension in DIR and install it into the server of PG_CONFIG.
extension_install() {
  make -s -C "$1" -j2 PG_CONFIG="$PG_CONFIG" >&2
  as_root make -s -C "$1" install PG_CONFIG="$PG_CONFIG" >&2
}
