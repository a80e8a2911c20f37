"""The dashboard: the generator makes it, Grafana can import it, and every query of it runs as the role of grants.sql."""
import datetime
import json
import re
import statistics
import sys

import psycopg
import pytest

from conftest import RUN, connect, new_database
from macros import All, expand
from support import GRAFANA, run

DASHBOARD = json.loads((GRAFANA / "dashboard.json").read_text())
PANELS = {panel["title"]: panel for panel in DASHBOARD["panels"]}
VARIABLES = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}
ALL = All(VARIABLES["tenant"]["allValue"])
RANGES = {"5 minutes": 5, "an hour": 60, "a day": 1440, "a week": 7 * 1440, "a month": 30 * 1440, "a year": 365 * 1440}
# The types whose values Grafana's data source knows how to show.
TYPES = {psycopg.adapters.types[name].oid for name in ("bool", "int4", "int8", "float8", "text", "timestamptz")}


def generate(folder, *arguments):
    output = folder / "made.json"
    run(sys.executable, "-B", str(GRAFANA / "generate.py"), "--output", str(output), *arguments)
    return output.read_text()


def queries(dashboard):
    """Every query of a dashboard, by where it stands."""
    found = {panel["title"]: target["rawSql"] for panel in dashboard["panels"] for target in panel["targets"]}
    found |= {f"annotation {note['name']}": note["target"]["rawSql"]
              for note in dashboard["annotations"]["list"] if "target" in note}
    return found | {f"variable {item['name']}": item["query"]
                    for item in dashboard["templating"]["list"] if item["type"] == "query"}


QUERIES = queries(DASHBOARD)


@pytest.fixture(scope="session")
def grafana(database, grafana_role):
    with connect(database, grafana_role) as role:
        yield role


def now(connection):
    return connection.execute("SELECT clock_timestamp()").fetchone()[0]


def ask(connection, where, tenant=ALL, minutes=1440, until=None, zone="utc", sql=None):
    """The rows that Grafana would get, and the names of their columns."""
    until = until or now(connection)
    since = until - datetime.timedelta(minutes=minutes)
    text = expand(sql or QUERIES[where], {"source": "default", "tenant": tenant}, since, until, zone=zone)
    cursor = connection.execute(text.encode())
    assert {column.type_code for column in cursor.description} <= TYPES, where
    names = [column.name for column in cursor.description]
    return [dict(zip(names, row)) for row in cursor.fetchall()]


# ---- the file ----

def test_it_is_what_the_generator_makes(tmp_path):
    assert (GRAFANA / "dashboard.json").read_text() == generate(tmp_path)


def test_it_is_of_the_classic_model():
    assert DASHBOARD["schemaVersion"] == 42
    assert "id" not in DASHBOARD, "an id would be that of another dashboard"
    assert DASHBOARD["uid"] and DASHBOARD["title"]


def test_panels_have_numbers_and_do_not_overlap():
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(PANELS) == len(DASHBOARD["panels"])
    cells = [(x, y) for place in (panel["gridPos"] for panel in DASHBOARD["panels"])
             for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) == 23


def data_sources(value):
    if isinstance(value, dict):
        if "datasource" in value:
            yield value["datasource"]
        for item in value.values():
            yield from data_sources(item)
    elif isinstance(value, list):
        for item in value:
            yield from data_sources(item)


def test_the_data_source_is_chosen_by_a_variable():
    chosen = VARIABLES["DS"]
    assert (chosen["type"], chosen["query"]) == ("datasource", "postgres")
    used = [json.dumps(item, sort_keys=True) for item in data_sources(DASHBOARD)]
    assert set(used) == {'{"type": "postgres", "uid": "${DS}"}', '{"type": "grafana", "uid": "-- Grafana --"}'}
    assert list(VARIABLES)[0] == "DS", "the variables after it ask it"


def test_queries_use_variables_that_exist():
    used = {name for sql in QUERIES.values() for name in re.findall(r"\$\{(\w+)", sql)}
    assert used == {"source", "tenant"} <= set(VARIABLES)


def test_overrides_are_of_columns_that_exist(grafana):
    for title, panel in PANELS.items():
        rows = ask(grafana, title)
        assert {item["matcher"]["options"] for item in panel["fieldConfig"]["overrides"]} <= set(rows[0]), title


# ---- the queries ----

@pytest.mark.parametrize("where", QUERIES)
def test_it_gives_rows(grafana, where):
    assert ask(grafana, where)


@pytest.mark.parametrize("minutes", RANGES.values(), ids=RANGES)
@pytest.mark.parametrize("tenant", [ALL, "acme", "nobody's"], ids=["all", "acme", "nobody's"])
def test_all_run_for_each_range_and_tenant(grafana, tenant, minutes):
    for where in QUERIES:
        ask(grafana, where, tenant, minutes, zone="Europe/Berlin")


@pytest.mark.parametrize("title", [title for title, panel in PANELS.items() if panel["type"] == "timeseries"])
def test_time_series_are_that(grafana, title):
    assert PANELS[title]["targets"][0]["format"] == "time_series"
    assert PANELS[title]["interval"] == "1m", "a bucket is at least a minute"
    rows = ask(grafana, title)
    times = [row.pop("time") for row in rows]
    assert all(isinstance(moment, datetime.datetime) for moment in times)
    assert times == sorted(set(times))
    assert len(times) in (1440, 1441), "a day, of a minute each"
    assert all(isinstance(value, (int, float, type(None))) for row in rows for value in row.values())


def test_variables(grafana, db):
    assert ask(grafana, "variable source") == [{"name": "default"}]
    tenants = [row["tenant_id"] for row in ask(grafana, "variable tenant")]
    assert tenants == [row[0] for row in db.execute(
        "SELECT DISTINCT tenant_id FROM deliveries WHERE created_at > now() - interval '1 day' AND tenant_id IS NOT NULL "
        "ORDER BY 1")]


def test_unresolved(grafana):
    counted, = ask(grafana, "Unresolved incidents")
    assert (counted["critical"], counted["warning"]) == (2, 1)
    counted, = ask(grafana, "Unresolved incidents", "initech")
    assert (counted["critical"], counted["warning"]) == (0, 1)


def test_incidents(grafana):
    rows = ask(grafana, "Incidents")
    assert [(row["severity"], row["tenant"], row["endpoint"].rsplit("/", 1)[1]) for row in rows] == [
        ("critical", "acme", "orders"), ("critical", "globex", "invoices"), ("warning", "initech", "signups")]
    assert [row["tenant"] for row in ask(grafana, "Incidents", "globex")] == ["globex"]


def test_annotations_span_the_incidents(grafana, db):
    until = now(grafana)
    rows = ask(grafana, "annotation Incidents", until=until)
    spans = db.execute("""
        SELECT detected_at, e.message, e.severity || ',opened'
        FROM insights.anomalies a JOIN insights.anomaly_events e ON e.anomaly_id = a.id AND event = 'opened'
        ORDER BY detected_at DESC""").fetchall()
    assert [(row["time"], row["text"], row["tags"]) for row in rows] == spans
    assert all(row["time"] < row["timeend"] and row["text"] for row in rows)
    assert {row["tags"].split(",")[0] for row in rows} == {"critical", "warning"}
    assert set(rows[0]) == {"time", "timeend", "text", "tags"}
    assert ask(grafana, "annotation Incidents", until=until - datetime.timedelta(hours=1)) == []


def test_what_happened(grafana):
    rows = ask(grafana, "What happened")
    opened = [(row["event"], row["tenant"]) for row in rows if row["event"] == "opened"]
    assert sorted(opened) == [("opened", "acme"), ("opened", "globex"), ("opened", "initech")]
    assert ask(grafana, "What happened", until=now(grafana) - datetime.timedelta(hours=1)) == []


def counted(db, since, until, condition="true"):
    return db.execute(f"""
        SELECT count(*), count(*) FILTER (WHERE status IN ('failed', 'dead_letter')),
          count(*) FILTER (WHERE status = 'pending')
        FROM deliveries WHERE created_at >= %s AND created_at < %s AND {condition}""", [since, until]).fetchone()


@pytest.mark.parametrize("tenant, condition", [(ALL, "true"), ("acme", "tenant_id = 'acme'")], ids=["all", "acme"])
def test_deliveries_are_all_there(grafana, db, tenant, condition):
    until = now(grafana).replace(microsecond=0)
    rows = ask(grafana, "Deliveries", tenant, until=until)
    sums = tuple(sum(row[name] for row in rows) for name in ("deliveries", "failures", "pending"))
    assert sums == counted(db, until - datetime.timedelta(days=1), until, condition)


def test_buckets_are_of_the_zone(grafana):
    """Of a year the buckets are six hours long, and those of a day begin at midnight there."""
    rows = ask(grafana, "Deliveries", minutes=365 * 1440, zone="Asia/Kolkata")
    zone = datetime.timezone(datetime.timedelta(hours=5, minutes=30))
    starts = [row["time"].astimezone(zone) for row in rows if row["deliveries"]]
    assert {start.hour for start in starts} == {0, 6, 12, 18}
    assert {(start.minute, start.second) for start in starts} == {(0, 0)}


def test_the_outage_shows_in_the_rates(grafana):
    rows = ask(grafana, "Success rate", "acme", minutes=60)
    failing = [row["failure rate"] for row in rows if row["failure rate"] is not None]
    well = [row["success rate"] for row in rows if row["success rate"] is not None]
    assert statistics.mean(failing[:30]) < 8 < 15 < statistics.mean(failing[-3:])
    assert statistics.mean(well[-3:]) < statistics.mean(well[:30]) - 10
    silent = ask(grafana, "Success rate", "nobody's", minutes=60)
    assert {row["success rate"] for row in silent} == {None}, "no deliveries have no rate"


@pytest.mark.parametrize("hours", [24, 1])
def test_stats(grafana, db, hours):
    until = now(grafana).replace(microsecond=0)
    row, = ask(grafana, "Deliveries in this range", minutes=60 * hours, until=until)
    total, failures, pending = counted(db, until - datetime.timedelta(hours=hours), until)
    assert (row["deliveries"], row["failed"] + row["dead letters"], row["pending"]) == (total, failures, pending)
    delivered = total - failures - pending
    assert row["success rate"] == pytest.approx(100 * delivered / (total - pending), abs=0.051)
    assert row["delivered of all"] == pytest.approx(100 * delivered / total, abs=0.051)
    assert 90 < row["delivered of all"] <= row["success rate"] < 100
    if hours == 1:  # of a day the few that are pending are less than the rates' last digit
        assert row["delivered of all"] < row["success rate"]
    none, = ask(grafana, "Deliveries in this range", "nobody's")
    assert (none["deliveries"], none["success rate"], none["delivered of all"]) == (0, None, None)


def test_incidents_over_time(grafana):
    rows = ask(grafana, "Incidents over time", minutes=60)
    assert (rows[0]["critical"], rows[0]["warning"]) == (0, 0)
    until = now(grafana) + datetime.timedelta(minutes=5)
    ahead = ask(grafana, "Incidents over time", minutes=60, until=until)
    assert ahead[-1]["time"] <= now(grafana), "nothing is known of what is to come"


@pytest.fixture
def reopened(elsewhere):
    """Opened 3 hours before that time as a warning, critical after half an hour, resolved for an hour after one more."""
    until = now(elsewhere)
    elsewhere.execute("""
        INSERT INTO "Ops 1".anomalies (id, severity, spike_detected, failure_cluster_detected, silence_detected,
          recent_count, baseline_count, recent_failures, baseline_failures, detected_at, source, status, last_seen_at,
          reopen_count, peak_failures, flapping, message, scope, muted, level_since, evaluated_at, usual_count,
          usual_failure_ratio, reopened_at)
        OVERRIDING SYSTEM VALUE
        VALUES (7, 'critical', true, true, false, 9, 9, 9, 9, %(until)s - interval '3 hours', 'other', 'open', now(),
          1, 9, false, '', 'endpoint', false, now(), now(), 9, 0, '{}')""", {"until": until})
    elsewhere.execute("""
        INSERT INTO "Ops 1".anomaly_events (anomaly_id, event, at, severity, status, source, scope, recent_count,
          baseline_count, recent_failures, baseline_failures, peak_failures, message, notified, by_user)
        SELECT 7, event, %(until)s - ago * interval '1 minute', severity, 'open', 'other', 'endpoint', 9, 9, 9, 9, 9, event,
          true, 'me'
        FROM (VALUES ('opened', 180, 'warning'), ('escalated', 150, 'critical'), ('acknowledged', 140, 'critical'),
          ('resolved', 90, 'critical'), ('reopened', 30, 'critical')) AS e (event, ago, severity)
        ORDER BY ago DESC""", {"until": until})
    yield until
    elsewhere.execute('DELETE FROM "Ops 1".anomalies; DELETE FROM "Ops 1".anomaly_events')


def test_an_incident_that_was_reopened_was_not_there_in_between(elsewhere, reopened, tmp_path):
    made = {where: sql.replace("${source:sqlstring}", "'other'")
            for where, sql in queries(json.loads(generate(tmp_path, "--schema", "Ops 1"))).items()}

    def spans(minutes, until=reopened):
        return [(row["tags"], *(round((reopened - row[end]).total_seconds() / 60) for end in ("time", "timeend")))
                for row in ask(elsewhere, "Incidents", minutes=minutes, until=until, sql=made["annotation Incidents"])]

    assert spans(240) == [("critical,reopened", 30, 0), ("critical,escalated", 150, 90), ("warning,opened", 180, 150)]
    assert spans(60) == [("critical,reopened", 30, 0)]
    assert spans(60, until=reopened - datetime.timedelta(minutes=120)) == [
        ("critical,escalated", 150, 90), ("warning,opened", 180, 150)]

    rows = ask(elsewhere, "Incidents over time", minutes=240, until=reopened, sql=made["Incidents over time"])
    seen = {(round((reopened - row["time"]).total_seconds() / 60)): (row["critical"], row["warning"]) for row in rows}
    assert [seen[ago] for ago in (200, 170, 120, 60, 10)] == [(0, 0), (0, 1), (1, 0), (0, 0), (1, 0)]


def test_top_failing(grafana):
    endpoints = ask(grafana, "Top failing endpoints", minutes=60)
    assert {row["endpoint"] for row in endpoints[:2]} == {
        "https://hooks.acme.example/orders", "https://hooks.globex.example/invoices"}
    tenants = ask(grafana, "Top failing tenants", minutes=60)
    assert {row["tenant"] for row in tenants[:2]} == {"acme", "globex"}
    assert [row["tenant"] for row in ask(grafana, "Top failing tenants", "acme", minutes=60)] == ["acme"]
    for rows in (endpoints, tenants):
        assert [row["impact"] for row in rows] == sorted((row["impact"] for row in rows), reverse=True)


def test_triage(grafana, db):
    until = now(grafana).replace(microsecond=0)
    found = {row["label"]: row["deliveries"] for row in ask(grafana, "Triage", until=until)}
    assert found == dict(db.execute("""
        SELECT triage_label, count(*) FROM deliveries
        WHERE created_at > %s - interval '1 day' AND created_at <= %s AND triage_label IS NOT NULL
        GROUP BY 1""", [until, until]).fetchall())


def test_comparison(grafana):
    rows = ask(grafana, "Compared with the time before", minutes=60)
    figures = {row["figure"] for row in rows if row["of"] == "total"}
    assert {"total", "failed", "success_rate"} <= figures
    worse = [row["of"] for row in rows if row["direction"] == "worse"]
    assert "https://hooks.acme.example/orders" in worse


def test_evaluation(grafana):
    row, = ask(grafana, "Evaluation")
    assert (row["source"], row["state"], row["unresolved"], row["failures in a row"]) == ("default", "ok", 3, 0)
    assert row["last success"] < 60 and row["duration"] > 0


# ---- rights, and other schemas ----

@pytest.mark.parametrize("statement", [
    "UPDATE deliveries SET status = 'delivered'", "SELECT FROM insights.operator_audit",
    "SELECT mapping FROM insights.delivery_sources", "SELECT insights.anomalies_scan()",
    "SELECT insights.anomaly_resolve(1)"])
def test_the_role_may_do_no_more(grafana, statement):
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        grafana.execute("SET default_transaction_read_only = off")
        grafana.execute(statement)


@pytest.fixture(scope="module")
def elsewhere():
    """A database with the extension in a schema whose name needs quotes, and not one delivery."""
    with new_database(f"metrics_schema_{RUN}", "Ops 1") as name, connect(name) as owner:
        owner.execute("CREATE TABLE deliveries (created_at timestamptz, tenant_id text, endpoint text, status text)")
        owner.execute("""SELECT "Ops 1".delivery_source_register('deliveries')""")
        yield owner


def test_another_schema_without_deliveries(elsewhere, tmp_path):
    made = queries(json.loads(generate(tmp_path, "--schema", "Ops 1")))
    assert made.keys() == QUERIES.keys()
    for where, sql in made.items():
        ask(elsewhere, where, sql=sql)
