"""What the exporter exposes, as the role of grants.sql, against what the database says."""
import re

import psycopg
import pytest
import yaml

import exposition
from conftest import RUN, connect, new_database
from support import PROMETHEUS, documented_grants, fetch, wait_for

README = (PROMETHEUS / "README.md").read_text()
QUERIES = yaml.safe_load((PROMETHEUS / "queries.yaml").read_text())


def scrape(exporter):
    return exposition.parse(fetch(f"http://{exporter}/metrics"))


def keyed(samples, *names):
    return {tuple(labels.get(name, "") for name in names): value for labels, value in samples}


def same(exporter, metric, names, db, query):
    """The metric once the database says the same before and after the scrape: a worker writes meanwhile."""
    def attempt():
        before = db.execute(query).fetchall()
        samples = scrape(exporter)[metric]
        return before == db.execute(query).fetchall() and (keyed(samples, *names), before)
    found, rows = wait_for("quiet moment", attempt)
    assert found == {tuple(row[:-1]): row[-1] for row in rows}, metric
    assert found


def test_documented_metrics_and_labels_are_those_exposed(exporter):
    documented, previous = {}, ""
    for name, labels in re.findall(r"^\| `(anomaly_insights_\w+)` \| ([^|]*)\|", README, re.MULTILINE):
        previous = labels = previous if labels.strip() == "the same" else labels
        documented[name] = {label.strip() for label in labels.split(",") if label.strip()} | {"server", "datname"}
    exposed = {name: set(samples[0][0]) for name, samples in scrape(exporter).items()
               if name.startswith("anomaly_insights_")}
    assert exposed == documented


def test_nothing_failed(exporter):
    samples = scrape(exporter)
    assert samples["pg_up"] == [({}, 1)]
    assert samples["pg_exporter_last_scrape_error"] == [({}, 0)]
    assert [value for _, value in samples["pg_exporter_user_queries_load_error"]] == [0]


def test_no_metrics_of_the_server(exporter):
    """They would need more rights than the role has."""
    own = r"(anomaly_insights|pg_exporter|postgres_exporter|go|process|promhttp)_|pg_up$"
    assert [name for name in scrape(exporter) if not re.match(own, name)] == []


def test_unresolved_incidents(exporter, db, database):
    same(exporter, "anomaly_insights_incidents_unresolved", ["datname", "source", "severity", "status"], db, f"""
        SELECT '{database}', 'default', severity, status, (
          SELECT count(*) FROM insights.anomalies a WHERE a.severity = s.severity AND a.status = t.status)
        FROM unnest(ARRAY['critical', 'warning']) s (severity), unnest(ARRAY['open', 'acknowledged']) t (status)
        ORDER BY 1, 2, 3, 4""")


@pytest.mark.parametrize("metric, value", [
    ("info", "1"), ("detected_timestamp_seconds", "extract(epoch FROM detected_at)::float8"),
    ("recent_deliveries", "recent_count"), ("recent_failures", "recent_failures")])
def test_each_incident(exporter, db, database, metric, value):
    labels = ["datname", "source", "incident", "tenant", "endpoint", "scope", "severity", "status", "muted", "kind"]
    same(exporter, f"anomaly_insights_incident_{metric}", labels, db, f"""
        SELECT '{database}', source, id::text, tenant_id, endpoint, scope, severity, status, muted::text,
          CASE WHEN failure_cluster_detected AND spike_detected THEN 'failure cluster, spike'
               WHEN failure_cluster_detected THEN 'failure cluster' WHEN spike_detected THEN 'spike'
               ELSE 'silence' END, {value}
        FROM insights.anomalies WHERE resolved_at IS NULL ORDER BY id""")


@pytest.mark.parametrize("setting, seconds", [("0", 0), ("1s", 1), ("90s", 90), ("10min", 600), ("1d", 86400)])
def test_naptime_is_in_seconds(db, setting, seconds):
    query = QUERIES["anomaly_insights_run"]["query"].replace("current_setting('anomaly_insights.naptime', true)",
                                                             f"'{setting}'")
    with db.cursor(row_factory=psycopg.rows.dict_row) as cursor:
        assert cursor.execute(query.encode()).fetchone()["naptime_seconds"] == seconds


@pytest.mark.parametrize("metric, value", [
    ("naptime_seconds", "extract(epoch FROM current_setting('anomaly_insights.naptime')::interval)::float8"),
    ("duration_seconds", "extract(epoch FROM duration)::float8"), ("deliveries", "deliveries"),
    ("failures_in_a_row", "failures"), ("open_incidents", "open_incidents"), ("held_seconds", "0::float8")])
def test_runs(exporter, db, database, metric, value):
    same(exporter, f"anomaly_insights_run_{metric}", ["datname", "source"], db,
         f"SELECT '{database}', source, {value} FROM insights.anomaly_insights_status()")


def test_age_of_the_last_success(exporter, db):
    """It is the time between a success that was there about then and a moment between two readings of the clock."""
    query = "SELECT extract(epoch FROM clock_timestamp())::float8, extract(epoch FROM last_success)::float8 " \
            "FROM insights.anomaly_insights_status()"
    def attempt():
        earliest, one = db.execute(query).fetchone()
        (_, age), = scrape(exporter)["anomaly_insights_run_last_success_age_seconds"]
        latest, other = db.execute(query).fetchone()
        return any(earliest - success <= age <= latest - success for success in (one, other))
    wait_for("age that fits", attempt)


def test_state_of_sources(exporter, database):
    samples = keyed(scrape(exporter)["anomaly_insights_source_info"], "datname", "source", "state")
    assert samples == {(database, "default", "ok"): 1}


def test_how_long_a_source_is_held(db):
    query = QUERIES["anomaly_insights_run"]["query"].replace(
        "insights.anomaly_insights_status()",
        "(SELECT (s).*, clock_timestamp() - interval '90 s' AS began FROM insights.anomaly_insights_status() s) AS status")
    with db.cursor(row_factory=psycopg.rows.dict_row) as cursor:
        assert cursor.execute(query.replace("held_since", "began").encode()).fetchone()["held_seconds"] == pytest.approx(90, abs=5)


def test_statuses_that_nobody_knows(exporter, db, database):
    db.execute("CREATE TABLE words (created_at timestamptz DEFAULT now(), endpoint text, status text)")
    db.execute("SELECT insights.delivery_source_register('words', 'words')")
    try:
        db.execute("INSERT INTO words SELECT now(), '/', CASE i WHEN 1 THEN 'lost' ELSE 'ok' END FROM generate_series(1, 40) i")
        wait_for("state unmapped", lambda: (database, "words", "unmapped") in keyed(
            scrape(exporter)["anomaly_insights_source_info"], "datname", "source", "state"))
        assert keyed(scrape(exporter)["anomaly_insights_run_unmapped"], "datname", "source") == {
            (database, "words"): 1, (database, "default"): 0}
    finally:
        db.execute("SELECT insights.delivery_source_drop('words')")


def test_worker(exporter, db, database):
    assert db.execute("SELECT worker_state FROM insights.anomaly_insights_status()").fetchone()[0] in (
        "running", "waiting", "starting")
    assert keyed(scrape(exporter)["anomaly_insights_worker_up"], "datname", "state") == {(database, "working"): 1}


def test_every_state_of_the_worker(db):
    """All that the function's comment knows, but that of a standby."""
    comment, = db.execute("SELECT obj_description('insights.anomaly_insights_status'::regproc)").fetchone()
    states = re.split(", | or ", comment.split("worker_state is ")[1])
    assert {"running", "off", "no launcher"} < set(states)
    query = QUERIES["anomaly_insights_worker"]["query"]
    for said in set(states) - {"recovery"}:
        state = "working" if said in ("running", "waiting", "starting") else said
        asked = query.replace("insights.anomaly_insights_status()", f"(VALUES ('{said}')) AS status (worker_state)")
        assert db.execute(asked.encode()).fetchall() == [(db.info.dbname, state, state == "working")]


@pytest.mark.parametrize("name", QUERIES)
def test_a_standby_says_nothing(db, name):
    query = QUERIES[name]["query"]
    assert db.execute(query.encode()).fetchall()
    assert db.execute(query.replace("pg_is_in_recovery()", "true").encode()).fetchall() == []


def test_audit(exporter, db, database):
    same(exporter, "anomaly_insights_audit_records_total", ["datname"], db,
         f"SELECT '{database}', count(*) FROM insights.operator_audit")
    before = scrape(exporter)["anomaly_insights_audit_records_total"][0][1]
    db.execute("SELECT insights.audit_record('test.more')")
    assert scrape(exporter)["anomaly_insights_audit_records_total"][0][1] == before + 1


@pytest.mark.parametrize("statement", [
    "SELECT FROM deliveries", "SELECT note FROM insights.anomalies", "SELECT message FROM insights.anomalies",
    "SELECT FROM insights.anomaly_events", "SELECT actor FROM insights.operator_audit",
    "SELECT mapping FROM insights.delivery_sources", "SELECT insights.anomalies_scan()",
    "SELECT insights.anomaly_acknowledge(1)", "SELECT insights.audit_record('x')",
    "SELECT * FROM insights.delivery_stats()"])
def test_the_role_may_do_no_more(database, exporter_role, statement):
    with connect(database, exporter_role) as role, pytest.raises(psycopg.errors.InsufficientPrivilege):
        role.execute(statement)


def test_every_grant_is_needed(db, database, exporter_role):
    """Each column and function that the role is granted is named by a query: one that is not should not be granted."""
    queries = "\n".join(spec["query"] for spec in QUERIES.values())
    granted = db.execute("""
        SELECT attname FROM pg_attribute, aclexplode(attacl) WHERE grantee = %(role)s::regrole AND attnum > 0
        UNION SELECT proname FROM pg_proc, aclexplode(proacl) WHERE grantee = %(role)s::regrole""",
        {"role": exporter_role}).fetchall()
    assert granted
    assert [name for name, in granted if not re.search(rf"\b{name}\b", queries)] == []


@pytest.fixture
def flood(exporter_role):
    """A database with more incidents than are listed, and no source, so that no worker touches them."""
    with new_database(f"metrics_flood_{RUN}") as name:
        documented_grants(PROMETHEUS / "README.md", name, schema="insights", role=exporter_role)
        with connect(name) as owner:
            owner.execute("""
                INSERT INTO insights.anomalies (tenant_id, endpoint, severity, spike_detected, failure_cluster_detected,
                  silence_detected, recent_count, baseline_count, recent_failures, baseline_failures, detected_at, source,
                  status, last_seen_at, acknowledged_at, acknowledged_by, reopen_count, peak_failures, flapping, message,
                  scope, muted, level_since, evaluated_at, usual_count, usual_failure_ratio, reopened_at)
                SELECT 't', repeat('long', 100) || n, CASE WHEN n <= 60 THEN 'critical' ELSE 'warning' END, n > 60, n <= 60,
                  false, 9, 9, 9, 9, now() - n * interval '1 second', 'default',
                  CASE WHEN n % 3 = 0 THEN 'acknowledged' ELSE 'open' END, now(), now(), 'me', 0, 9, false, '', 'endpoint',
                  n % 3 = 1, now(), now(), 9, 0, '{}'
                FROM generate_series(1, 150) n""")
        yield name
        with connect(name) as owner:
            owner.execute(f"DROP OWNED BY {exporter_role}")


def test_the_gravest_hundred_are_listed(flood, exporter_role):
    with connect(flood, exporter_role) as role:
        cursor = role.execute(QUERIES["anomaly_insights_incident"]["query"])
        columns = [column.name for column in cursor.description]
        rows = [dict(zip(columns, row)) for row in cursor.fetchall()]
    assert len(rows) == 100
    ranks = [(row["severity"] != "critical", row["status"] != "open" or row["muted"], row["detected_timestamp_seconds"])
             for row in rows]
    assert ranks == sorted(ranks)
    assert sum(row["severity"] == "critical" for row in rows) == 60
    assert sum(row["severity"] == "warning" and row["status"] == "open" and not row["muted"] for row in rows) == 30
    assert {len(row["endpoint"]) for row in rows} == {200}
