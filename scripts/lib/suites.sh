# shellcheck shell=bash
# The suites that run against an installed extension, in a copy of the checkout that becomes postgres' own. Sourced after
# cluster.sh, never run.

# regress_in TREE [SETTING=VALUE...]: pg_regress in a cluster of that kind.
regress_in() {
  local tree=$1 status=0
  shift
  as_root chown -R postgres "$tree"
  cluster_start "$@"
  as_postgres PGHOST="$CLUSTER_DIR" PGPORT="$CLUSTER_PORT" PGUSER=postgres PGDATABASE=postgres \
    make -C "$tree" installcheck PG_CONFIG="$PG_CONFIG" || status=$?
  if ((status)); then
    as_root find "$tree" -name regression.diffs -exec cat {} +
    echo "--- the end of the server's log"
    as_postgres tail -n 50 "$CLUSTER_DIR/log"
  fi
  cluster_stop
  return "$status"
}

# tap_in TREE: the environment is that of prove_installcheck in PGXS, with the ports' lock files where postgres may write.
tap_in() {
  local tree=$1 top status=0
  mkdir "$tree/tmp"
  as_root chown -R postgres "$tree"
  top=$(dirname "$("$PG_CONFIG" --pgxs)")/../..
  as_postgres env -C "$tree" PATH="$PG_BINDIR:$tree:$PATH" TMPDIR="$tree/tmp" TESTDIR="$tree" PGPORT="$(free_port)" \
    PG_TEST_PORT_DIR="$tree/tmp/portlock" top_builddir="$top" PG_REGRESS="$top/src/test/regress/pg_regress" \
    share_contrib_dir="$("$PG_CONFIG" --sharedir)/extension" PERL5LIB="$top/src/test/perl" \
    prove --comments test/tap/*.pl || status=$?
  if ((status)); then
    as_root find "$tree" -name 'regress_log_*' -exec tail -n 100 {} +
  fi
  return "$status"
}
