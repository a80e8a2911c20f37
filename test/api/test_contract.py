"""A client that knows nothing but the contract of the original service."""
import random
import re
from collections import Counter
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

import pytest

import support

LABELS = ("transient_endpoint_down", "permanent_4xx", "rate_limited", "unknown")
# What the service adds to the summary of the original.
ADDED_TO_SUMMARY = {"retry_stats", "backlog", "settled_success_rate"}
ADDED_TO_INTERVAL = {"settled_success_rate"}


def time_of(text):
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", text)
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def rate(part, whole):
    """A percentage with one decimal, half away from zero on the exact decimal."""
    if whole == 0:
        return 0.0
    return float((Decimal(100 * part) / Decimal(whole)).quantize(Decimal("0.1"), ROUND_HALF_UP))


def made_up():
    """Nine hours of deliveries; ages are in the middle of an hour's interval, far from its edges."""
    chance = random.Random(5)
    rows = []
    for _ in range(3000):
        status = chance.choices(["delivered", "failed", "dead_letter", "pending"], [70, 15, 5, 10])[0]
        label = chance.choice(LABELS + (None,)) if status != "delivered" or chance.random() < 0.2 else None
        number = chance.randrange(14)
        rows.append(
            {
                "tenant_id": f"t{number % 12}",
                "target": f"https://e{number}.test",
                "status": status,
                "triage_label": label,
                "attempts": chance.choice([1, 1, 1, 2, 3]),
                "ago": 3600 * chance.randrange(9) + chance.uniform(600, 3000),
            }
        )
    return rows


@pytest.fixture(scope="module")
def rows(database):
    rows = made_up()
    database.insert(rows)
    return rows


def failed(row):
    return row["status"] in ("failed", "dead_letter")


def settled_rate(rows):
    settled = [row for row in rows if row["status"] != "pending"]
    return rate(sum(row["status"] == "delivered" for row in settled), len(settled)) if settled else None


def test_roles(server, rows):
    for path in ("/anomalies/current", "/anomalies/history", "/operator-insights/summary", "/operator-insights/trends"):
        assert server.get(path, role=None).status_code == 401
        for role, status in (
            ("viewer", 403),
            ("operator", 403),
            ("admin", 200),
            ("system", 200),
            ("viewer, admin", 200),
        ):
            assert server.get(path + "?source=default", role=role).status_code == status


def test_current(server, rows):
    response = server.get("/anomalies/current?method=reference&source=default")
    assert response.headers["content-type"] == "application/json"
    report = response.json()
    assert set(report) == {"incidents", "summary", "window_minutes", "baseline_minutes", "detected_at"}
    assert (report["window_minutes"], report["baseline_minutes"]) == (5, 60)
    time_of(report["detected_at"])
    assert set(report["summary"]) == {"total_incidents", "critical_incidents", "warning_incidents"}


def check_incident(incident):
    kinds = {
        "tenant_id": str,
        "endpoint": str,
        "severity": str,
        "recent_count": int,
        "baseline_count": int,
        "recent_failures": int,
        "baseline_failures": int,
        "spike_detected": bool,
        "failure_cluster_detected": bool,
        "spike_multiplier": float,
        "failure_multiplier": float,
        "message": str,
        "detected_at": str,
    }
    assert {name: type(value) for name, value in incident.items()} == kinds
    assert incident["severity"] == ("critical" if incident["failure_cluster_detected"] else "warning")


def test_history(server, database, rows):
    """Each step is judged over the windows that end there: here, three hours ago and now."""
    surge = [
        {
            "tenant_id": f"s{i}",
            "target": "https://surge.test",
            "status": "delivered",
            "triage_label": None,
            "attempts": 1,
            "ago": ago,
        }
        for i in range(7)
        for ago in [60 + j for j in range(3)] + [3 * 3600 + 120 + j for j in range(3)]
    ]
    database.insert(surge, "surges")
    report = server.get("/anomalies/history?hours=6&method=reference&source=surges").json()
    assert set(report) == {"snapshots", "hours_analyzed", "generated_at"}
    assert report["hours_analyzed"] == 6
    times = [time_of(snapshot["timestamp"]) for snapshot in report["snapshots"]]
    assert times[0] == time_of(report["generated_at"])
    assert [times[0] - time for time in times] == [timedelta(0), timedelta(hours=3)]
    for snapshot in report["snapshots"]:
        assert set(snapshot) == {"timestamp", "incident_count", "critical_count", "incidents"}
        assert snapshot["incident_count"] == 7
        assert snapshot["critical_count"] == 0
        assert [i["tenant_id"] for i in snapshot["incidents"]] == ["s0", "s1", "s2", "s3", "s4"]
        for incident in snapshot["incidents"]:
            check_incident(incident)
            assert incident["detected_at"] == snapshot["timestamp"]
            assert incident["spike_multiplier"] == 3.0
    finer = server.get("/anomalies/history?hours=1&step_minutes=30&method=reference&source=surges").json()
    assert [s["timestamp"] for s in finer["snapshots"]] == [finer["generated_at"]]


@pytest.fixture(scope="module", autouse=True)
def surges(database):
    database.run(support.TABLE.replace("{}", "surges"))
    database.register("surges", "surges")
    database.grant("surges")


def tops(rows, column, name):
    total = Counter(row[column] for row in rows)
    failures = Counter(row[column] for row in rows if failed(row))
    order = sorted(failures, key=lambda key: (-failures[key], key))[:10]
    return [
        {name: key, "failures": failures[key], "total": total[key], "failure_rate": rate(failures[key], total[key])}
        for key in order
    ]


@pytest.mark.parametrize("hours, tenant", [(24, None), (4, None), (24, "t3"), (24, "nobody")])
def test_summary(server, rows, hours, tenant):
    params = {"hours": hours, "source": "default", **({"tenant": tenant} if tenant else {})}
    report = server.get("/operator-insights/summary", params=params).json()
    within = [row for row in rows if row["ago"] < hours * 3600 and tenant in (None, row["tenant_id"])]
    statuses = Counter(row["status"] for row in within)
    labels = Counter(row["triage_label"] or "unclassified" for row in within)
    replayed = [row for row in within if row["attempts"] > 1]
    transient = [row for row in within if row["triage_label"] == "transient_endpoint_down"]

    def delivered(of):
        return sum(row["status"] == "delivered" for row in of)

    assert report["top_failing_endpoints"] == tops(within, "target", "endpoint")
    assert report["top_failing_tenants"] == tops(within, "tenant_id", "tenant_id")
    assert report["triage_distribution"] == {label: labels[label] for label in LABELS + ("unclassified",)}
    assert report["delivery_stats"] == {
        "total": len(within),
        "success_rate": rate(statuses["delivered"], len(within)),
        **{status: statuses[status] for status in ("delivered", "failed", "pending", "dead_letter")},
    }
    assert report["settled_success_rate"] == settled_rate(within)
    assert report["replay_stats"] == {
        "total_replayed": len(replayed),
        "replay_successes": delivered(replayed),
        "replay_success_rate": rate(delivered(replayed), len(replayed)),
        "counted_from": "attempts",
    }
    assert report["triage_accuracy"] == {
        "transient_retry_success_rate": rate(
            delivered(row for row in transient if row["attempts"] > 1), len(transient)
        ),
        "note": "Measures how often 'transient' failures succeed on retry",
    }
    assert set(report["time_range"]) == {"hours", "start", "end"}
    start, end = (time_of(report["time_range"][edge]) for edge in ("start", "end"))
    assert end - start == timedelta(hours=hours)
    assert report["time_range"]["hours"] == hours
    assert time_of(report["generated_at"]) == end
    assert set(report) - ADDED_TO_SUMMARY == {
        "top_failing_endpoints",
        "top_failing_tenants",
        "triage_distribution",
        "delivery_stats",
        "replay_stats",
        "triage_accuracy",
        "time_range",
        "generated_at",
    }


@pytest.mark.parametrize("hours, interval", [(9, 1), (8, 2), (7, 3), (1, 5)])
def test_trends(server, rows, hours, interval):
    params = {"hours": hours, "interval_hours": interval, "source": "default"}
    report = server.get("/operator-insights/trends", params=params).json()
    assert set(report) == {"intervals", "interval_hours", "total_hours", "generated_at"}
    assert (report["interval_hours"], report["total_hours"]) == (interval, hours)
    end = time_of(report["generated_at"])
    # Counted back from now; where the division leaves a rest, the first is shorter.
    edges = list(range(0, hours, interval)) + [hours]
    expected = []
    for late, early in reversed(list(zip(edges, edges[1:]))):
        within = [row for row in rows if late * 3600 < row["ago"] < early * 3600]
        failures = sum(map(failed, within))
        expected.append(
            (
                end - timedelta(hours=early),
                len(within),
                failures,
                rate(len(within) - failures, len(within)),
                settled_rate(within),
            )
        )
    for interval_found in report["intervals"]:
        contract = {"timestamp", "total_deliveries", "failures", "success_rate"}
        assert set(interval_found) - ADDED_TO_INTERVAL == contract
    assert [
        (time_of(i["timestamp"]), i["total_deliveries"], i["failures"], i["success_rate"], i["settled_success_rate"])
        for i in report["intervals"]
    ] == expected


@pytest.mark.parametrize(
    "path",
    [
        "/anomalies/current?window_minutes=0",
        "/anomalies/current?window_minutes=60&baseline_minutes=5",
        "/anomalies/current?method=guess",
        "/anomalies/history?hours=0",
        "/anomalies/history?hours=8761",
        "/anomalies/history?step_minutes=0",
        "/operator-insights/summary?hours=0",
        "/operator-insights/summary?hours=x",
        "/operator-insights/trends?interval_hours=0",
    ],
)
def test_ranges(server, rows, path):
    assert server.get(path + "&source=default").status_code == 422
