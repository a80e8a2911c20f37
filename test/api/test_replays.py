"""Replays: planned, done once, and in the audit."""
import uuid

import pytest

import support
from support import is_problem


@pytest.fixture(scope="module")
def failed(database):
    """Ids of failed deliveries: of an endpoint that is well again, and of one that fails now."""
    well = [
        {
            "id": str(uuid.uuid4()),
            "tenant_id": "acme",
            "target": "https://well.test",
            "status": "failed",
            "triage_label": "transient_endpoint_down",
            "attempts": 5,
            "ago": 7200 + number,
        }
        for number in range(20)
    ]
    database.insert(well)
    database.insert(
        [
            {
                "tenant_id": "acme",
                "target": "https://well.test",
                "status": "delivered",
                "attempts": 1,
                "ago": 10 + 30 * n,
            }
            for n in range(200)
        ]
    )
    database.insert(support.failing("acme", "https://down.test"))
    support.open_incidents(database, 1)
    down = database.run(
        "SELECT id::text FROM {table} WHERE target = 'https://down.test' AND status = 'failed' ORDER BY created_at"
    )
    return {"well": [row["id"] for row in reversed(well)], "down": [row[0] for row in down]}


def replay(server, ids, key=None, **options):
    body = {"ids": ids, **options.pop("body", {})}
    return server.post(
        "/replays", body, role="operator", headers={"Idempotency-Key": key or str(uuid.uuid4())}, **options
    )


def state(database, delivery):
    return database.run("SELECT status, attempts FROM {table} WHERE id = %s", delivery)[0]


def records(database):
    return database.value("SELECT count(*) FROM {schema}.operator_audit")


def test_plan(server, failed):
    plan = server.post("/replays/plan", {}, role="operator").json()
    assert [d["delivery_id"] for d in plan["deliveries"] if d["outcome"] == "replay"] == failed["well"]
    assert [d["delivery_id"] for d in plan["deliveries"] if d["outcome"] == "hold"] == failed["down"]
    assert (plan["total"], plan["held"], plan["refused"]) == (40, 20, 0)
    assert set(plan["deliveries"][0]) == {
        "delivery_id",
        "created_at",
        "tenant_id",
        "endpoint",
        "status",
        "triage_label",
        "attempts",
        "outcome",
        "expected_success_rate",
        "reason",
    }
    only = {"filter": {"endpoint": "https://well.test", "hours": 24, "status": ["failed"]}, "max_rows": 3}
    plan = server.post("/replays/plan", only).json()
    assert [d["delivery_id"] for d in plan["deliveries"]] == failed["well"][:3]
    assert (plan["total"], plan["held"], plan["refused"]) == (3, 0, 0)
    assert is_problem(server.post("/replays/plan", {"filter": {"color": "red"}}), 422)["hint"]


def test_replay_and_its_record(server, database, failed):
    before = records(database)
    delivery = failed["well"][0]
    answer = replay(server, [delivery], "the first", user="zoë").json()
    (result,) = answer["results"]
    assert answer["replayed"] == 1
    assert (result["delivery_id"], result["outcome"]) == (delivery, "replayed")
    assert state(database, delivery) == ("pending", 0)
    assert records(database) == before + 1
    record = server.get("/audit?limit=1").json()["records"][0]
    assert record["id"] == result["audit_id"]
    assert (record["actor"], record["action"], record["target_id"]) == ("zoë", "delivery.replay", delivery)
    assert (record["source_ip"], record["by_user"]) == ("127.0.0.1", support.SERVICE)
    assert record["metadata"]["status_before"] == "failed"
    assert record["metadata"]["idempotency_key"] == "the first"
    stored = database.run(
        "SELECT encode(hash, 'hex'), encode(previous_hash, 'hex') FROM {schema}.operator_audit WHERE id = %s",
        record["id"],
    )
    assert stored == [(record["hash"], record["previous_hash"])]


@pytest.mark.parametrize(
    "forwarded, recorded",
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("unknown", None),
    ],
)
def test_the_address_behind_a_proxy(server, database, failed, forwarded, recorded):
    delivery = failed["well"][10]
    database.run("UPDATE {table} SET status = 'failed' WHERE id = %s", delivery)
    answer = server.post(
        "/replays", {"ids": [delivery]}, headers={"Idempotency-Key": forwarded, "X-Forwarded-For": forwarded}
    )
    assert answer.json()["replayed"] == 1
    assert server.get("/audit?limit=1").json()["records"][0]["source_ip"] == recorded


def test_who_is_no_proxy(database, failed):
    with support.served(database.dsn, "--forwarded-allow-ips", "192.0.2.1") as server:
        answer = server.post(
            "/replays",
            {"ids": [failed["well"][11]]},
            headers={"Idempotency-Key": "no proxy", "X-Forwarded-For": "203.0.113.7"},
        )
        assert answer.json()["replayed"] == 1
        assert server.get("/audit?limit=1").json()["records"][0]["source_ip"] == "127.0.0.1"


def test_the_same_key_again(server, database, failed):
    ids = failed["well"][1:3]
    first = replay(server, ids, "twice")
    database.run("UPDATE {table} SET status = 'failed' WHERE id = ANY (%s::uuid[])", ids)
    before = records(database)
    second = replay(server, ids, "twice")
    assert second.content == first.content
    assert first.json()["replayed"] == 2
    assert [state(database, delivery)[0] for delivery in ids] == ["failed", "failed"]
    assert records(database) == before
    problem = is_problem(replay(server, failed["well"][3:4], "twice"), 422)
    assert problem["sqlstate"] == "22023"
    assert state(database, failed["well"][3])[0] == "failed"


def test_without_a_key(server, failed):
    problem = is_problem(server.post("/replays", {"ids": failed["well"][3:4]}), 422)
    assert problem["errors"][0]["where"] == "header.idempotency-key"
    is_problem(replay(server, [], "k" * 201), 422)


def test_what_is_failing_needs_force(server, database, failed):
    delivery = failed["down"][0]
    (result,) = replay(server, [delivery]).json()["results"]
    assert (result["outcome"], result["audit_id"]) == ("held", None)
    assert result["detail"]
    assert state(database, delivery)[0] == "failed"
    answer = replay(server, [delivery], body={"force": True}).json()
    assert answer["replayed"] == 1
    assert state(database, delivery)[0] == "pending"


def test_outcomes(server, database, failed):
    delivered = database.value("SELECT id::text FROM {table} WHERE status = 'delivered' LIMIT 1")
    gone = str(uuid.uuid4())
    before = records(database)
    answer = replay(server, [delivered, gone, failed["well"][5], failed["down"][5]], user="bob").json()
    outcomes = {result["delivery_id"]: result["outcome"] for result in answer["results"]}
    assert outcomes == {
        delivered: "not_failed",
        gone: "not_found",
        failed["well"][5]: "replayed",
        failed["down"][5]: "held",
    }
    assert answer["replayed"] == 1
    assert records(database) == before + 1
    record = server.get("/audit?actor=bob").json()["records"][0]
    assert (record["action"], record["target_id"]) == ("delivery.bulk_replay", failed["well"][5])


def test_what_somebody_else_holds(server, database, failed):
    delivery = failed["well"][6]
    with database.admin.transaction():
        database.run("SELECT FROM {table} WHERE id = %s FOR UPDATE", delivery)
        (result,) = replay(server, [delivery]).json()["results"]
    assert result["outcome"] == "locked"


def test_a_trigger_that_refuses(server, database, failed):
    """Neither the delivery nor the audit is changed, and the message gets through."""
    database.run(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'closed on Sundays' USING HINT = 'Come back.'; END $$"
    )
    database.run("CREATE TRIGGER refuse BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse()")
    before = records(database)
    problem = is_problem(replay(server, [failed["well"][7]]), 409)
    assert (problem["detail"], problem["hint"]) == ("closed on Sundays", "Come back.")
    database.run("DROP TRIGGER refuse ON {table}")
    assert state(database, failed["well"][7])[0] == "failed"
    assert records(database) == before


def test_without_the_right_to_update(server, database, failed):
    database.run("REVOKE UPDATE (status) ON {table} FROM insights_operator")
    problem = is_problem(replay(server, [failed["well"][8]]), 403)
    assert problem["sqlstate"] == "42501"
    assert state(database, failed["well"][8])[0] == "failed"
    plan = server.post("/replays/plan", {"filter": {"ids": [failed["well"][8]]}}, role="operator").json()
    assert (plan["total"], plan["held"], plan["refused"]) == (1, 0, 1)
    assert "may not update status" in plan["deliveries"][0]["reason"]
    database.run("GRANT UPDATE (status) ON {table} TO insights_operator")
    assert replay(server, [failed["well"][8]]).json()["replayed"] == 1


def test_hostile_values(server, database, failed):
    text = "'; DELETE FROM deliveries; --"
    kept = database.value("SELECT count(*) FROM {table}")
    (result,) = replay(server, [text]).json()["results"]  # no uuid
    assert (result["delivery_id"], result["outcome"]) == (text, "not_found")
    answer = replay(server, [failed["well"][9]], key=text, user=text)
    assert answer.json()["replayed"] == 1
    record = server.get("/audit", params={"actor": text}).json()["records"][0]
    assert record["metadata"]["idempotency_key"] == text
    assert database.value("SELECT count(*) FROM {table}") == kept


def test_the_audit(server, database, failed):
    every = server.get("/audit?limit=1000").json()["records"]
    assert [record["id"] for record in every] == list(range(len(every), 0, -1))
    assert len(every) == records(database)
    middle = every[len(every) // 2]
    since = server.get("/audit", params={"since": middle["created_at"]}).json()["records"]
    assert since == [record for record in every if record["created_at"] >= middle["created_at"]]
    of_bob = server.get("/audit?actor=bob&action=delivery.bulk_replay").json()["records"]
    assert of_bob == [record for record in every if record["actor"] == "bob"]
    assert server.get("/audit?actor=bob&action=delivery.replay").json()["records"] == []
    stats = server.get("/audit/stats").json()["stats"]
    assert sum(row["count"] for row in stats) == len(every)
    bob = next(row for row in stats if row["actor"] == "bob")
    assert (bob["action"], bob["count"], bob["first_at"]) == ("delivery.bulk_replay", 1, of_bob[0]["created_at"])
    assert server.get("/audit/stats?since=2100-01-01T00:00:00Z").json() == {"stats": []}


def test_a_changed_audit_shows(server, database, failed):
    newest = server.get("/audit?limit=1").json()["records"][0]
    verdict = server.get("/audit/verify").json()
    assert verdict == {"problems": [], "head": {"id": newest["id"], "hash": newest["hash"]}}
    database.run("ALTER TABLE {schema}.operator_audit DISABLE TRIGGER ALL")
    database.run("UPDATE {schema}.operator_audit SET actor = 'mallory' WHERE id = 2")
    problems = server.get("/audit/verify").json()["problems"]
    assert problems and problems[0]["id"] == 2
