"""A real Prometheus with the alert rules: what fires for the sample, and what ends it."""
import json
import urllib.parse

import pytest

from support import fetch, wait_for

ORDERS = "https://hooks.acme.example/orders"
INVOICES = "https://hooks.globex.example/invoices"
SIGNUPS = "https://hooks.initech.example/signups"


def alerts(prometheus, name, **labels):
    """The alerts of that rule that are pending or firing."""
    data = json.loads(fetch(f"{prometheus}/api/v1/alerts"))["data"]["alerts"]
    return [alert for alert in data if alert["labels"]["alertname"] == f"AnomalyInsights{name}"
            and labels.items() <= alert["labels"].items()]


def wait_for_alert(prometheus, name, stage, **labels):
    found = wait_for(f"{stage} {name}", lambda: [
        alert for alert in alerts(prometheus, name, **labels) if alert["state"] == stage])
    assert len(found) == 1, found
    return found[0]


def wait_for_end(prometheus, name, **labels):
    wait_for(f"end of {name}", lambda: not alerts(prometheus, name, **labels))


def value(prometheus, query):
    answer = json.loads(fetch(f"{prometheus}/api/v1/query?query={urllib.parse.quote(query)}"))
    return [float(sample["value"][1]) for sample in answer["data"]["result"]]


def incident(db, endpoint):
    return db.execute("SELECT id FROM insights.anomalies_active WHERE endpoint = %s", [endpoint]).fetchone()[0]


def test_the_outage_fires(prometheus, exporter, db, database):
    alert = wait_for_alert(prometheus, "CriticalIncident", "firing", endpoint=ORDERS)
    number = incident(db, ORDERS)
    server = db.execute("SELECT current_setting('port')").fetchone()[0]
    labels = dict(alert["labels"])
    assert labels.pop("server").endswith(f":{server}")
    assert labels == {
        "alertname": "AnomalyInsightsCriticalIncident", "job": "anomaly_insights", "instance": exporter,
        "datname": database, "source": "default", "incident": str(number), "tenant": "acme", "endpoint": ORDERS,
        "scope": "endpoint", "severity": "critical", "status": "open", "muted": "false"}
    said = alert["annotations"]
    assert said["summary"] == f"{ORDERS} of tenant acme: failure cluster"
    assert f"Incident {number} of source default in database {database}." in said["description"]
    assert f"SELECT insights.anomaly_acknowledge({number}, 'note')" in said["action"]


def test_statements_of_the_action_run(prometheus, db):
    alert = wait_for_alert(prometheus, "CriticalIncident", "firing", endpoint=ORDERS)
    statements = [part.split(". ")[0] for part in alert["annotations"]["action"].rstrip(".").split(": ")[1:]]
    assert len(statements) == 3
    events, reasons = (db.execute(statement).fetchall() for statement in statements[:2])
    assert events and reasons


def test_the_spike_is_a_warning_that_waits(prometheus):
    wait_for_alert(prometheus, "WarningIncident", "pending", endpoint=SIGNUPS, tenant="initech", severity="warning")
    assert not alerts(prometheus, "CriticalIncident", endpoint=SIGNUPS)


def test_nothing_else_fires(prometheus):
    """Not even pending, once Prometheus has seen each metric."""
    def attempt():
        found = json.loads(fetch(f"{prometheus}/api/v1/alerts"))["data"]["alerts"]
        return sorted(alert["labels"].get("endpoint", "") for alert in found) == [ORDERS, INVOICES, SIGNUPS]
    wait_for("these alerts and no others", attempt)


def test_a_mute_ends_the_alert_until_it_ends(prometheus, db):
    wait_for_alert(prometheus, "CriticalIncident", "firing", endpoint=INVOICES)
    mute = db.execute("SELECT insights.anomaly_mute('globex', %s)", [INVOICES]).fetchone()[0]
    wait_for_end(prometheus, "CriticalIncident", endpoint=INVOICES)
    db.execute("SELECT insights.anomaly_unmute(%s)", [mute])
    wait_for_alert(prometheus, "CriticalIncident", "firing", endpoint=INVOICES)


def test_an_acknowledgement_ends_the_alert(prometheus, db):
    wait_for_alert(prometheus, "CriticalIncident", "firing", endpoint=INVOICES)
    db.execute("SELECT insights.anomaly_acknowledge(%s)", [incident(db, INVOICES)])
    wait_for_end(prometheus, "CriticalIncident", endpoint=INVOICES)
    assert value(prometheus, 'anomaly_insights_incidents_unresolved{severity="critical", status="acknowledged"}') == [1]
    assert alerts(prometheus, "CriticalIncident", endpoint=ORDERS)


@pytest.fixture
def broken_source(db):
    db.execute("CREATE TABLE gone (created_at timestamptz, endpoint text, status text)")
    db.execute("SELECT insights.delivery_source_register('gone', 'gone')")
    db.execute("DROP TABLE gone")
    yield
    db.execute("SELECT insights.delivery_source_drop('gone')")


def test_runs_that_fail(prometheus, broken_source):
    alert = wait_for_alert(prometheus, "RunsFailing", "firing", source="gone", severity="warning")
    assert "delivery_source_check('gone')" in alert["annotations"]["action"]
    assert value(prometheus, 'anomaly_insights_run_last_success_age_seconds{source="gone"}') == [float("inf")]
    wait_for_alert(prometheus, "SourceNotEvaluated", "pending", source="gone", severity="critical")
    assert not alerts(prometheus, "RunsFailing", source="default")
    assert not alerts(prometheus, "SourceNotEvaluated", source="default")


def switch(db, change):
    db.execute(f"ALTER SYSTEM {change}")
    db.execute("SELECT pg_reload_conf()")


@pytest.fixture
def worker_off(db):
    """The worker is off until what this gives is called, or the test ends."""
    switch(db, "SET anomaly_insights.naptime = 0")
    yield lambda: switch(db, "RESET anomaly_insights.naptime")
    switch(db, "RESET anomaly_insights.naptime")


def test_a_worker_that_is_off_and_on_again(prometheus, worker_off):
    alert = wait_for_alert(prometheus, "WorkerMissing", "pending", state="off", severity="critical")
    assert alert["annotations"]["summary"].endswith("the worker is off")
    assert value(prometheus, "anomaly_insights_run_naptime_seconds") == [0]
    worker_off()
    wait_for_end(prometheus, "WorkerMissing")
    assert wait_for("worker", lambda: value(prometheus, 'anomaly_insights_worker_up{state="working"}')) == [1]


@pytest.fixture
def missing_right(db, exporter_role):
    db.execute(f"REVOKE SELECT (id) ON insights.operator_audit FROM {exporter_role}")
    yield
    db.execute(f"GRANT SELECT (id) ON insights.operator_audit TO {exporter_role}")


def test_a_query_that_fails(prometheus, exporter, missing_right):
    wait_for_alert(prometheus, "ExporterError", "pending", instance=exporter, severity="warning")
    # The other queries go on.
    assert alerts(prometheus, "CriticalIncident", endpoint=ORDERS)
