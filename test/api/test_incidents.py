"""The operator's hand, as the database records it."""
from datetime import datetime, timedelta, timezone

import pytest

import support


@pytest.fixture(scope="module")
def incidents(database):
    for number in range(4):
        database.insert(support.failing("acme", f"https://i{number}.test"))
    return support.open_incidents(database, 4)


def last_event(database, incident):
    return database.run(
        """SELECT event, actor, by_user, note FROM {schema}.anomaly_events WHERE anomaly_id = %s
           ORDER BY seq DESC LIMIT 1""",
        incident,
    )[0]


def columns_of(database, table):
    rows = database.run(
        """SELECT attname FROM pg_attribute
           WHERE attrelid = ('{schema}.' || %s)::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum""",
        table,
    )
    return [row[0] for row in rows]


def test_one(server, database, incidents):
    answer = server.get(f"/incidents/{incidents[0]}").json()
    listed = next(i for i in server.get("/incidents").json()["incidents"] if i["id"] == incidents[0])
    moving = ("last_seen_at", "evaluated_at")
    assert {k: v for k, v in answer["incident"].items() if k not in moving} == {
        k: v for k, v in listed.items() if k not in moving
    }
    assert list(answer["incident"]) == columns_of(database, "anomalies")
    (event,) = answer["events"]
    assert list(event) == columns_of(database, "anomaly_events")
    assert (event["event"], event["anomaly_id"], event["severity"]) == ("opened", incidents[0], "critical")
    assert datetime.fromisoformat(event["at"].replace("Z", "+00:00")) == database.value(
        "SELECT at FROM {schema}.anomaly_events WHERE seq = %s", event["seq"]
    )
    assert answer["incident"]["reopened_at"] == []
    database.run(
        "UPDATE {schema}.anomalies SET reopened_at = %s::timestamptz[] WHERE id = %s",
        ["2026-01-02 03:04:05.000006+00", "2026-01-03 00:00+00"],
        incidents[0],
    )
    reopened = server.get(f"/incidents/{incidents[0]}").json()["incident"]["reopened_at"]
    assert reopened == ["2026-01-02T03:04:05.000006Z", "2026-01-03T00:00:00.000000Z"]


def test_acknowledge(server, database, incidents):
    until = datetime.now(timezone.utc) + timedelta(hours=2)
    body = {"note": "calling 'them'", "until": until.isoformat()}
    answer = server.post(f"/incidents/{incidents[0]}/acknowledge", body, role="operator", user="zoë")
    incident = answer.json()["incident"]
    assert (incident["status"], incident["acknowledged_by"], incident["note"]) == (
        "acknowledged",
        "zoë",
        "calling 'them'",
    )
    assert datetime.fromisoformat(incident["ack_until"].replace("Z", "+00:00")) == until
    assert last_event(database, incidents[0]) == ("acknowledged", "zoë", support.SERVICE, "calling 'them'")
    assert database.value("SELECT status FROM {schema}.anomalies WHERE id = %s", incidents[0]) == "acknowledged"


def test_acknowledge_without_a_body(server, database, incidents):
    answer = server.request("POST", f"/incidents/{incidents[1]}/acknowledge", "operator")
    assert answer.json()["incident"]["ack_until"] is None
    # Nobody is named, so it was the service.
    assert answer.json()["incident"]["acknowledged_by"] == support.SERVICE
    assert last_event(database, incidents[1]) == ("acknowledged", None, support.SERVICE, None)


def test_resolve(server, database, incidents):
    body = {"note": "a test", "false_positive": True}
    incident = server.post(f"/incidents/{incidents[2]}/resolve", body, user="bob").json()["incident"]
    assert (incident["status"], incident["resolved_by"], incident["false_positive"]) == ("resolved", "bob", True)
    assert incident["resolve_reason"] == "by hand"
    assert last_event(database, incidents[2]) == ("resolved", "bob", support.SERVICE, "a test")


def test_the_actor_is_that_of_the_request_alone(server, database, incidents):
    """Connections are shared, persons are not."""
    for number in range(12):
        user = f"user {number}" if number % 2 else None
        note = server.post(f"/incidents/{incidents[3]}/acknowledge", {"note": str(number)}, user=user)
        assert note.status_code == 200
        actor = database.value("SELECT acknowledged_by FROM {schema}.anomalies WHERE id = %s", incidents[3])
        if number == 0:
            first = actor
        assert actor == first == support.SERVICE
        mute = server.post("/mutes", {"tenant": "nobody"}, user=user).json()["id"]
        assert database.run("SELECT created_by, actor FROM {schema}.anomaly_mutes WHERE id = %s", mute) == [
            (support.SERVICE, user)
        ]


def test_mutes(server, database, incidents):
    body = {
        "tenant": "acme",
        "endpoint": "https://i3.test",
        "reason": "deployment",
        "severity_cap": "critical",
        "source": "default",
        "days": [6, 7],
        "from_time": "22:00",
        "to_time": "24:00",
        "time_zone": "Europe/Berlin",
        "starts_at": "2026-01-01T00:00:00Z",
        "ends_at": "2126-01-01T00:00:00+01:00",
    }
    response = server.post("/mutes", body, role="operator", user="alice")
    assert response.status_code == 201
    made = response.json()["id"]
    mute = next(mute for mute in server.get("/mutes").json()["mutes"] if mute["id"] == made)
    created_at, applies = mute.pop("created_at"), mute.pop("applies")
    assert created_at.endswith("Z") and isinstance(applies, bool)
    assert mute == {
        "id": made,
        "source": "default",
        "tenant_id": "acme",
        "endpoint": "https://i3.test",
        "severity_cap": "critical",
        "starts_at": "2026-01-01T00:00:00.000000Z",
        "ends_at": "2125-12-31T23:00:00.000000Z",
        "days": [6, 7],
        "from_time": "22:00:00",
        "to_time": "24:00:00",
        "time_zone": "Europe/Berlin",
        "reason": "deployment",
        "created_by": support.SERVICE,
        "actor": "alice",
    }
    assert server.request("DELETE", f"/mutes/{made}", "operator").status_code == 204
    assert made not in [mute["id"] for mute in server.get("/mutes").json()["mutes"]]
    ended = next(mute for mute in server.get("/mutes?active=false").json()["mutes"] if mute["id"] == made)
    assert not ended["applies"]
    assert server.request("DELETE", f"/mutes/{made}", "operator").status_code == 204


def test_a_mute_that_applies(server):
    now = datetime.now(timezone.utc)
    later = {"tenant": "later", "starts_at": (now + timedelta(days=1)).isoformat()}
    made = {
        applies: server.post("/mutes", body).json()["id"]
        for applies, body in ((True, {"tenant": "now"}), (False, later))
    }
    listed = {mute["id"]: mute["applies"] for mute in server.get("/mutes").json()["mutes"]}
    for applies, mute in made.items():
        assert listed[mute] is applies


@pytest.mark.parametrize(
    "body", [{"days": [1]}, {"ends_at": "2020-01-01T00:00:00Z"}, {"severity_cap": "high"}, {"starts_at": "soon"}]
)
def test_mutes_that_make_no_sense(server, body):
    response = server.post("/mutes", {"tenant": "t", **body})
    assert response.status_code == 422
    problem = response.json()
    assert problem.get("hint") or problem.get("errors")


def test_status_and_sources(server, database, incidents):
    (status,) = server.get("/status", role="operator").json()["sources"]
    assert (status["source"], status["state"], status["failures"]) == ("default", "ok", 0)
    assert status["open_incidents"] == database.value("SELECT count(*) FROM {schema}.anomalies_active")
    assert 0 < status["duration"] < 600
    assert status["last_run"].endswith("Z")
    assert server.get("/sources", role="viewer").json() == {
        "sources": [{"name": "default", "relation": "public.deliveries"}]
    }


def test_compare(server, incidents):
    rows = server.get("/operator-insights/compare?hours=1").json()["rows"]
    total = {row["figure"]: row for row in rows if row["scope"] == "total"}
    assert total["failed"]["current_value"] == 80
    assert set(rows[0]) == {
        "scope",
        "endpoint",
        "figure",
        "current_value",
        "previous_value",
        "change",
        "impact",
        "direction",
    }


def test_recommendations_hold_what_is_failing(server, incidents):
    advice = server.get("/operator-insights/replay-recommendations?max_rows=5").json()
    assert advice["recommended_ids"] == []
    assert {held["endpoint"] for held in advice["held_back"]} == {f"https://i{number}.test" for number in range(4)}
