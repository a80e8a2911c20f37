"""Method `reference` over HTTP is the rule of the original, digit for digit, against a model of it in Python."""
import json
import random
import re
from collections import defaultdict

import pytest

FAILURE_LABELS = ("permanent_4xx", "transient_endpoint_down")
FAILURE_STATUSES = ("failed", "dead_letter")


def is_failure(row):
    return row["triage_label"] in FAILURE_LABELS or row["status"] in FAILURE_STATUSES


def message_of(incident):
    where = f"{incident['endpoint']} ({{}}x normal) – Tenant: {incident['tenant_id']}"
    if incident["failure_cluster_detected"]:
        count = f"🚨 Failure Cluster: {incident['recent_failures']} failures to "
        return count + where.format(incident["failure_multiplier"])
    return f"⚠️ Traffic Spike: {incident['recent_count']} deliveries to " + where.format(incident["spike_multiplier"])


def judge(key, recent, baseline):
    """The incident of a key, or None."""
    recent_failures = sum(map(is_failure, recent))
    baseline_count = max(len(baseline), 1)
    baseline_failures = max(sum(map(is_failure, baseline)), 1)
    spike = len(recent) > 1.5 * baseline_count
    cluster = recent_failures > 10 * baseline_failures
    if not recent or not (spike or cluster):
        return None
    incident = {
        "tenant_id": key[0],
        "endpoint": key[1],
        "severity": "critical" if cluster else "warning",
        "recent_count": len(recent),
        "baseline_count": baseline_count,
        "recent_failures": recent_failures,
        "baseline_failures": baseline_failures,
        "spike_detected": spike,
        "failure_cluster_detected": cluster,
        "spike_multiplier": round(len(recent) / baseline_count, 2),
        "failure_multiplier": round(recent_failures / baseline_failures, 2),
    }
    return {**incident, "message": message_of(incident)}


def model(rows, window=300, baseline=3600):
    groups = defaultdict(lambda: ([], []))
    for row in rows:
        key = (row["tenant_id"] or "unknown", row["target"] or "unknown")
        if row["ago"] < window:
            groups[key][0].append(row)
        elif row["ago"] < baseline:
            groups[key][1].append(row)
    incidents = [found for key, (now, before) in groups.items() if (found := judge(key, now, before))]
    incidents.sort(
        key=lambda i: (
            i["severity"] != "critical",
            -i["recent_failures"],
            i["tenant_id"].encode(),
            i["endpoint"].encode(),
        )
    )
    critical = sum(i["severity"] == "critical" for i in incidents)
    return {
        "incidents": incidents,
        "summary": {
            "total_incidents": len(incidents),
            "critical_incidents": critical,
            "warning_incidents": len(incidents) - critical,
        },
        "window_minutes": window // 60,
        "baseline_minutes": baseline // 60,
    }


# Ages, in seconds, that are clear of the edges at 5 and 60 minutes while a test runs.
RECENT = (20, 200)
BASELINE = (340, 3300)
BEFORE = (3700, 7000)


def deliveries(tenant, endpoint, count, failed, ages, chance):
    """So many deliveries, of which the first so many are failures of one kind or another."""
    rows = []
    for i in range(count):
        status, label = chance.choice([("delivered", None), ("pending", "rate_limited"), ("delivered", "unknown")])
        if i < failed:
            status, label = chance.choice(
                [
                    ("failed", None),
                    ("dead_letter", "unknown"),
                    ("pending", "permanent_4xx"),
                    ("delivered", "transient_endpoint_down"),
                    ("failed", "rate_limited"),
                ]
            )
        rows.append(
            {
                "tenant_id": tenant,
                "target": endpoint,
                "status": status,
                "triage_label": label,
                "ago": chance.uniform(*ages),
            }
        )
    return rows


def worked_example():
    chance = random.Random(0)
    where = ("acme", "https://api.acme.test/hook")
    return deliveries(*where, 120, 115, RECENT, chance) + deliveries(*where, 10, 2, BASELINE, chance)


def made_up(seed):
    """A day in which much goes wrong: keys with and without a baseline, with missing names, around the thresholds."""
    chance = random.Random(seed)
    rows = []
    for number in range(40):
        tenant = chance.choice([None, "unknown", "acme", "Zoë", 'b"c', f"t{number}"])
        endpoint = chance.choice([None, f"https://e{number}.test/ü", f"/e{number % 7}", "with space"])
        before = chance.choice([0, 1, 2, 3, 7, 20, 60])
        now = chance.choice(
            [0, 1, 2, 3, round(before * 1.5), round(before * 1.5) + 1, before * 3 + chance.randrange(40)]
        )
        failed_before = min(before, chance.choice([0, 0, 1, 2, 3]))
        failed_now = min(now, chance.choice([0, 1, 10, 11, 20, 21, 30, 31, now]))
        rows += deliveries(tenant, endpoint, now, failed_now, RECENT, chance)
        rows += deliveries(tenant, endpoint, before, failed_before, BASELINE, chance)
        rows += deliveries(tenant, endpoint, chance.randrange(30), 5, BEFORE, chance)
    return rows


def ask(database, server, rows, query=""):
    database.run("TRUNCATE {table}")
    database.insert(rows)
    response = server.get(f"/anomalies/current?method=reference{query}")
    assert response.status_code == 200
    return response


def without_times(report):
    """Checks the times, and leaves them out."""
    time = report.pop("detected_at")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", time)
    for incident in report["incidents"]:
        assert incident.pop("detected_at") == time
    return report


def test_the_worked_example(database, server):
    response = ask(database, server, worked_example())
    incident = json.loads(response.text, parse_float=str)["incidents"][0]
    assert incident["spike_multiplier"] == "12.0"
    assert incident["failure_multiplier"] == "57.5"
    assert incident["severity"] == "critical"
    assert (incident["recent_count"], incident["baseline_count"]) == (120, 10)
    assert (incident["recent_failures"], incident["baseline_failures"]) == (115, 2)
    message = "🚨 Failure Cluster: 115 failures to https://api.acme.test/hook (57.5x normal) – Tenant: acme"
    assert incident["message"] == message
    assert json.dumps(message, ensure_ascii=False).encode() in response.content
    assert without_times(response.json()) == model(worked_example())


@pytest.mark.parametrize("seed", range(1, 9))
def test_any_other_day(database, server, seed):
    rows = made_up(seed)
    expected = model(rows)
    assert expected["summary"]["critical_incidents"] and expected["summary"]["warning_incidents"]
    response = ask(database, server, rows)
    assert without_times(response.json()) == expected
    as_text = json.loads(response.text, parse_float=str)
    for found, wanted in zip(as_text["incidents"], expected["incidents"]):
        for name in ("spike_multiplier", "failure_multiplier"):
            assert found[name] == repr(wanted[name])


def test_other_windows(database, server):
    rows = [row for row in made_up(9) if not 500 < row["ago"] < 700 and not 1700 < row["ago"] < 1900]
    response = ask(database, server, rows, "&window_minutes=10&baseline_minutes=30")
    assert without_times(response.json()) == model(rows, window=600, baseline=1800)


def test_one_tenant(database, server):
    rows = made_up(10)
    response = ask(database, server, rows, "&tenant=acme")
    assert without_times(response.json()) == model([row for row in rows if row["tenant_id"] == "acme"])


def test_no_deliveries(database, server):
    database.run("TRUNCATE {table}")
    report = server.get("/anomalies/current?method=reference").json()
    assert without_times(report) == model([])
