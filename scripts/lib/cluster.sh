# shellcheck shell=bash
# Throwaway PostgreSQL clusters: each in a fresh temp dir of its own, owned by postgres (initdb and the server refuse
# to run as root), started and stopped by that directory and never by name. Sourced after packages.sh, never run.

PG_BINDIR=/usr/lib/postgresql/$PG_MAJOR/bin
# What the caller has set for servers of their own must not reach ours.
unset PGDATA PGDATABASE PGHOST PGHOSTADDR PGOPTIONS PGPORT PGSERVICE PGSSLMODE PGUSER

CLUSTER_DIR='' CLUSTER_PORT=''   # of the cluster that was started last
CLUSTER_POSTGRES=''   # what runs the server, where that is not PostgreSQL's own program

# From / because postgres may not be allowed to stand where the caller does; env because sudo forgets the environment.
as_postgres() {
  if ((EUID == 0)); then
    (cd / && runuser -u postgres -- env HOME=/nonexistent "$@")
  else
    (cd / && sudo -u postgres -- env HOME=/nonexistent "$@")
  fi
}

# temp_dir PREFIX OWNER: a fresh temp dir that postgres can enter, printed.
temp_dir() {
  local base=${TMPDIR:-/tmp} dir
  as_postgres test -x "$base" || base=/tmp
  dir=$(mktemp -d "$base/$1.XXXXXX")
  chmod 755 "$dir"
  [[ $2 == "$(id -un)" ]] || as_root chown "$2" "$dir"
  printf '%s\n' "$dir"
}

# The kernel hands out a port that nobody listens on.
free_port() {
  perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1")->sockport'
}

# cluster_start [tcp] [SETTING=VALUE...] sets CLUSTER_DIR and CLUSTER_PORT. Only postgres may use the socket; with tcp
# the cluster also listens on 127.0.0.1, where every local user is trusted.
cluster_start() {
  local listen='' setting attempt
  if [[ ${1:-} == tcp ]]; then
    listen=127.0.0.1
    shift
  fi
  CLUSTER_DIR=$(temp_dir ai-cluster postgres)
  as_postgres chmod 700 "$CLUSTER_DIR"
  as_postgres "$PG_BINDIR/initdb" -D "$CLUSTER_DIR/data" -A trust -U postgres -E UTF8 --locale=C.UTF-8 --no-sync \
    >/dev/null
  {
    # Nothing here outlives its cluster, so nothing needs to reach a disk.
    printf '%s\n' fsync=off synchronous_commit=off full_page_writes=off max_wal_size=8GB
    printf '%s\n' shared_buffers=256MB max_connections=50 max_worker_processes=16 max_parallel_workers=8
    printf '%s\n' "unix_socket_directories='$CLUSTER_DIR'" unix_socket_permissions=0700 "listen_addresses='$listen'"
    for setting in "$@"; do
      printf "%s = '%s'\n" "${setting%%=*}" "${setting#*=}"
    done
  } | as_postgres tee -a "$CLUSTER_DIR/data/postgresql.conf" >/dev/null

  local program=()
  [[ -z $CLUSTER_POSTGRES ]] || program=(-p "$CLUSTER_POSTGRES" -t 600)
  # Between free_port and the server's bind somebody else may take the port: then take another.
  for attempt in 1 2 3; do
    CLUSTER_PORT=$(free_port)
    if as_postgres "$PG_BINDIR/pg_ctl" -D "$CLUSTER_DIR/data" -l "$CLUSTER_DIR/log" -o "-p $CLUSTER_PORT" "${program[@]}" \
      -w start >/dev/null; then
      return 0
    fi
  done
  echo "the cluster in $CLUSTER_DIR did not start in $attempt attempts; its log ends:" >&2
  as_postgres tail -n 20 "$CLUSTER_DIR/log" >&2
  cluster_stop "$CLUSTER_DIR"
  return 1
}

# cluster_stop [DIR]: stop the cluster in DIR, by default the one that was started last, and remove it.
cluster_stop() {
  local dir=${1:-$CLUSTER_DIR}
  [[ -n $dir ]] || return 0
  if as_postgres test -e "$dir/data/postmaster.pid"; then
    as_postgres "$PG_BINDIR/pg_ctl" -D "$dir/data" -m fast -t 30 -w stop >/dev/null ||
      as_postgres "$PG_BINDIR/pg_ctl" -D "$dir/data" -m immediate -w stop >/dev/null
  fi
  as_root rm -rf -- "$dir"
  [[ $dir != "$CLUSTER_DIR" ]] || CLUSTER_DIR='' CLUSTER_PORT=''
}

# cluster_psql ARG...: psql as superuser. Feed it files by stdin, since postgres may not be able to read them.
cluster_psql() {
  as_postgres "$PG_BINDIR/psql" -X -q -v ON_ERROR_STOP=1 -P pager=off \
    -h "$CLUSTER_DIR" -p "$CLUSTER_PORT" -U postgres -d postgres "$@"
}
