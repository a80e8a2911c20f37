"""Errors are problems, and say what to do."""
import base64
import threading
from datetime import datetime, timedelta, timezone

import psycopg
import pytest

import support
from support import is_problem


@pytest.fixture(scope="module", autouse=True)
def rows(database):
    database.insert([{"tenant_id": "acme", "target": "/a", "status": "delivered", "ago": 60}])


def test_the_database_has_a_hint(server):
    problem = is_problem(server.get("/anomalies/current?method=guess"), 422)
    assert problem["sqlstate"] == "22023"
    assert "reference" in problem["hint"]
    assert problem["title"] == "Unprocessable Entity"
    assert problem["instance"] == "/api/anomalies/current"
    problem = is_problem(server.get("/deliveries?status=gone"), 422)
    assert problem["sqlstate"] == "22023"
    assert "dead_letter" in problem["hint"]


def test_a_parameter_out_of_range(server):
    problem = is_problem(server.get("/operator-insights/summary?hours=0"), 422)
    assert problem["errors"][0]["where"] == "query.hours"
    assert "hours" in problem["detail"]


def test_nothing_there(server):
    assert is_problem(server.get("/operator-insights/summary?source=gone"), 404)["sqlstate"] == "42704"
    is_problem(server.get("/incidents/4711"), 404)
    is_problem(server.post("/incidents/4711/acknowledge"), 404)
    is_problem(server.post("/incidents/4711/resolve"), 404)
    assert is_problem(server.request("DELETE", "/mutes/4711", "operator"), 404)["hint"]
    is_problem(server.post("/mutes", {"source": "gone"}), 404)
    is_problem(server.get("/gone"), 404)
    assert "GET" in (response := server.post("/me")).headers["allow"]
    is_problem(response, 405)


def test_what_does_not_fit_the_state(server, database):
    database.insert(support.failing("acme", "https://state.test"))
    incident = support.open_incidents(database, 1)[0]
    assert server.post(f"/incidents/{incident}/resolve").status_code == 200
    problem = is_problem(server.post(f"/incidents/{incident}/acknowledge"), 409)
    assert problem["sqlstate"] == "55000"
    assert problem["hint"]


@pytest.mark.parametrize("text", ["%00", "a%00b"])
def test_no_text_of_the_database_holds_nul(server, text):
    is_problem(server.get(f"/incidents?tenant={text}"), 422)
    is_problem(server.get(f"/deliveries?tenant={text}"), 422)
    is_problem(server.get(f"/operator-insights/summary?tenant={text}"), 422)


def test_half_a_character(server):
    json = b'{"tenant": "\\ud800"}'
    response = server.request("POST", "/mutes", "operator", content=json, headers={"Content-Type": "application/json"})
    is_problem(response, 422)


@pytest.mark.parametrize(
    "body", [b"{", b"[1]", b'"x"', b'{"filter": 7}', b'{"max_rows": 0}', b'{"filter": {"ids": [7]}}']
)
def test_bodies(server, body):
    response = server.request(
        "POST", "/replays/plan", "operator", content=body, headers={"Content-Type": "application/json"}
    )
    is_problem(response, 422)


@pytest.mark.parametrize(
    "path, body",
    [
        ("/mutes", {"tenant_id": "acme", "ends_at": "2126-01-01T00:00:00Z"}),
        ("/mutes", {"tenant": "acme", "until": "2126-01-01T00:00:00Z"}),
        ("/replays/plan", {"tenant": "acme"}),
        ("/replays", {"ids": [], "dry_run": True}),
        ("/incidents/1/acknowledge", {"util": "2126-01-01T00:00:00Z"}),
        ("/incidents/1/resolve", {"falsepositive": True}),
    ],
)
def test_members_that_nobody_knows(server, database, path, body):
    """Without them the request would mean something else, and mostly more."""
    mutes = database.value("SELECT count(*) FROM {schema}.anomaly_mutes")
    problem = is_problem(server.post(path, body, headers={"Idempotency-Key": "unknown"}), 422)
    assert problem["errors"][0]["where"].startswith("body.")
    assert database.value("SELECT count(*) FROM {schema}.anomaly_mutes") == mutes


@pytest.mark.parametrize(
    "path, body",
    [
        ("/mutes", {"tenant": 7}),
        ("/mutes", {"tenant": "acme", "days": [1.5]}),
        ("/mutes", {"everything": 1}),
        ("/replays/plan", {"max_rows": 1.5}),
        ("/replays/plan", {"source": True}),
        ("/replays", {"ids": [7]}),
        ("/replays", {"ids": [], "force": "on"}),
        ("/replays", {"ids": ["x"] * 10001}),
        ("/incidents/1/acknowledge", {"note": 7}),
        ("/incidents/1/resolve", {"false_positive": 1}),
    ],
)
def test_members_of_another_kind(server, path, body):
    problem = is_problem(server.post(path, body, headers={"Idempotency-Key": "kind"}), 422)
    assert problem["errors"]


@pytest.mark.parametrize("body", [{}, {"reason": "quiet"}, {"starts_at": "2026-01-01T00:00:00Z", "tenant": None}])
def test_a_mute_that_names_nothing(server, body):
    assert "everything" in is_problem(server.post("/mutes", body), 422)["hint"]


def test_a_mute_of_everything(server):
    soon = datetime.now(timezone.utc) + timedelta(seconds=1)
    is_problem(server.post("/mutes", {"ends_at": soon.isoformat()}), 422)
    is_problem(server.post("/mutes", {"ends_at": soon.isoformat(), "everything": True, "tenant": "t"}), 422)
    assert server.post("/mutes", {"ends_at": soon.isoformat(), "everything": True}).status_code == 201


@pytest.mark.parametrize("time", ["1", "1e400", "inf", "infinity", "now", "1700000000", "2026-13-01T00:00:00Z"])
def test_times_are_iso_8601(server, time):
    for path in ("/deliveries?since=", "/deliveries?until=", "/audit?since=", "/audit/stats?since="):
        is_problem(server.get(path + time), 422)
    is_problem(server.post("/mutes", {"tenant": "t", "ends_at": time}), 422)
    is_problem(server.post("/incidents/1/acknowledge", {"until": time}), 422)


def test_a_number_is_no_time(server):
    is_problem(server.post("/mutes", {"tenant": "t", "ends_at": 4102444800}), 422)


def test_a_body_that_is_too_large(server):
    """It is not read to its end, also where it does not say how large it is."""
    for content in (b" " * 2**23, iter([b" " * 2**20] * 8)):
        response = server.request(
            "POST", "/replays/plan", "operator", content=content, headers={"Content-Type": "application/json"}
        )
        is_problem(response, 413)


def test_a_body_that_is_no_text(server):
    headers = {"Content-Type": "application/json"}
    is_problem(server.request("POST", "/replays/plan", "operator", content=b'"\xff"', headers=headers), 400)


@pytest.mark.parametrize("depth", [900, 100000])
def test_what_is_nested_too_deeply(server, depth):
    nested = "[" * depth + "]" * depth
    cursor = base64.urlsafe_b64encode(nested.encode()[:30000]).decode()
    is_problem(server.get("/deliveries", params={"cursor": cursor}), 422)
    body = '{"filter": {"ids": ' + nested + "}}"
    headers = {"Content-Type": "application/json"}
    response = server.request("POST", "/replays/plan", "operator", content=body, headers=headers)
    is_problem(response, response.status_code)
    assert response.status_code in (400, 422)


@pytest.mark.parametrize("cursor", ["x", "W10", "W251bGwsbnVsbF0=", "eyJhIjoxfQ==", "WyJub3doZXJlIiwgIngiXQ==", "é"])
def test_cursors(server, cursor):
    is_problem(server.get("/deliveries", params={"cursor": cursor}), 422)


HOSTILE = [
    "'; DROP TABLE deliveries; --",
    '"; DROP TABLE deliveries; --',
    "%s",
    "%(tenant)s",
    "{schema}",
    "$1",
    "\\",
    "' OR '1'='1",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_values_are_values(server, database, text):
    database.run("DELETE FROM {table} WHERE tenant_id <> 'acme'")
    database.insert([{"tenant_id": text, "target": text, "status": "failed", "ago": 30}])
    kept = database.value("SELECT count(*) FROM {table}")
    found = server.get("/deliveries", params={"tenant": text, "endpoint": text}).json()["deliveries"]
    assert [(d["tenant_id"], d["endpoint"]) for d in found] == [(text, text)]
    for name in ("status", "triage_label", "source", "since"):
        assert server.get("/deliveries", params={name: text}).status_code in (404, 422), name
    assert server.get("/deliveries", params={"ids": text}).json()["deliveries"] == []
    for path in (
        "/anomalies/current",
        "/anomalies/history",
        "/operator-insights/summary",
        "/operator-insights/trends",
        "/operator-insights/compare",
        "/operator-insights/replay-recommendations",
    ):
        assert server.get(path, params={"tenant": text}).status_code == 200
        is_problem(server.get(path, params={"source": text}), 404)
    summary = server.get("/operator-insights/summary", params={"tenant": text}).json()
    assert summary["top_failing_tenants"] == [{"tenant_id": text, "total": 1, "failures": 1, "failure_rate": 100.0}]
    for name in ("tenant", "endpoint", "source"):
        assert server.get("/incidents", params={name: text, "status": "all"}).json()["incidents"] == []
    assert server.get("/audit", params={"actor": text, "action": text}).json()["records"] == []
    made = server.post("/mutes", {"tenant": text, "endpoint": text, "reason": text}, user=text).json()["id"]
    mute = next(mute for mute in server.get("/mutes").json()["mutes"] if mute["id"] == made)
    assert (mute["tenant_id"], mute["endpoint"], mute["reason"], mute["actor"]) == (text, text, text, text)
    assert server.request("DELETE", f"/mutes/{made}", "operator").status_code == 204
    plan = server.post("/replays/plan", {"filter": {"tenant": text}}).json()
    assert plan["total"] == 1
    assert database.value("SELECT count(*) FROM {table}") == kept


def test_a_query_that_takes_too_long(database):
    database.run("CREATE VIEW slow AS SELECT d.* FROM {table} d, pg_sleep(5)")
    database.register("slow", "slow")
    database.grant("slow")
    with support.served(database.dsn, "--statement-timeout", "0.2") as hasty:
        problem = is_problem(hasty.get("/deliveries?source=slow"), 504)
        assert problem["sqlstate"] == "57014"
        assert hasty.get("/deliveries?source=default").status_code == 200
    database.run("SELECT {schema}.delivery_source_drop('slow')")


def test_no_database():
    with support.served(f"host=127.0.0.1 port={support.free_port()} dbname=none user=nobody") as alone:
        response = alone.get("/sources")
        problem = is_problem(response, 503)
        assert int(response.headers["Retry-After"]) > 0
        assert "host" not in problem["detail"]
        is_problem(alone.get("/sources", role=None), 401)


def test_a_role_that_the_service_cannot_become(database):
    """That is the service's fault, not the user's; and no reason to tell the names of roles."""
    with support.served(database.dsn, "--role", "viewer=pg_signal_backend", "--role", "operator=gone") as wrong:
        for role in ("viewer", "operator"):
            problem = is_problem(wrong.get("/sources", role=role), 500)
            assert "pg_signal_backend" not in str(problem) and "gone" not in str(problem)
        assert wrong.get("/sources", role="admin").status_code == 200


def test_a_delivery_that_does_not_fit_its_mapping(server, database):
    """No parameter is to blame, and no value of the delivery is told."""
    database.run(
        """CREATE VIEW odd AS SELECT id, target, tenant_id, triage_label, created_at, event_type::int AS attempts,
             CASE WHEN 1 / triage_score > 0 THEN status END AS status FROM {table}"""
    )
    database.register("odd", "odd")
    database.grant("odd")
    row = {"tenant_id": "acme", "target": "/odd", "status": "failed", "ago": 30}
    for broken, state in (({"event_type": "hidden", "triage_score": 1}, "22P02"), ({"triage_score": 0}, "22012")):
        database.insert([{**row, **broken}])
        for path in ("/deliveries?source=odd&hours=1", "/operator-insights/summary?source=odd"):
            response = server.get(path)
            assert is_problem(response, 500)["sqlstate"] == state
            assert "hidden" not in response.text and "zero" not in response.text
        database.run("DELETE FROM {table} WHERE target = '/odd'")
    database.run("SELECT {schema}.delivery_source_drop('odd')")


def test_what_fails_inside_is_not_told(server, database):
    database.run("ALTER TABLE {table} RENAME COLUMN target TO secret_target")
    problem = is_problem(server.get("/deliveries"), 503)
    assert problem["sqlstate"] == "55000"
    assert "target" not in problem["detail"] and "hint" not in problem
    database.run("ALTER TABLE {table} RENAME COLUMN secret_target TO target")
    assert server.get("/deliveries").status_code == 200


def test_lost_connections_are_replaced(server, database):
    assert server.get("/sources").status_code == 200
    for pid, *_ in database.service_backends():
        database.run("SELECT pg_terminate_backend(%s)", pid)
    assert server.get("/sources").status_code == 200


def test_a_database_that_vanishes(database):
    """Its host answers no more, and says nothing."""
    wire = support.Wire()
    with support.served(database.dsn_through(wire), "--statement-timeout", "1") as server:
        assert server.get("/sources").status_code == 200
        wire.cut()
        response = server.get("/sources")
        is_problem(response, 503)
        assert response.headers["Retry-After"]
        wire.mend()
        support.wait_for(lambda: server.get("/sources").status_code == 200, "the service to recover")


def test_a_pool_that_is_full(database):
    with support.hosted(database.dsn, pool_max=1, pool_timeout=1) as small:
        with database.admin.transaction():
            database.run("LOCK TABLE {table}")
            waiting = threading.Thread(target=small.get, args=("/deliveries",))
            waiting.start()
            with psycopg.connect(database.dsn, user=support.USER, autocommit=True) as other:
                count = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'"
                support.wait_for(lambda: other.execute(count, [database.name]).fetchone()[0], "a request to wait")
            response = small.get("/sources")
        waiting.join()
        is_problem(response, 503)
        assert response.headers["Retry-After"]
        assert small.get("/sources").status_code == 200


def test_threads_that_are_all_taken(database):
    """By routes of the application: the API needs none."""
    with support.hosted(database.dsn) as host:
        held = [host.ask("/hold") for _ in range(50)]
        support.wait_for(lambda: len(host.http.get("/calls").json()) == 41, "all threads to be taken")
        try:
            assert host.get("/me").status_code == 200
            assert host.get("/sources").status_code == 200
        finally:
            host.http.get("/release")
        for connection in held:
            connection.close()


def test_a_user_that_the_database_has_no_letters_for():
    with support.database(encoding="LATIN1") as western, support.served(western.dsn) as server:
        assert server.get("/sources", user="zoë").status_code == 200
        assert is_problem(server.get("/sources", user="zoż"), 422)["sqlstate"] == "22P05"
        assert server.get("/sources").status_code == 200


def test_reads_do_not_write(database, server):
    """Even where a function of a view would. (The worker, which looks at the view as well, may.)"""
    database.run("CREATE TABLE visits (actor text DEFAULT current_setting('anomaly_insights.actor'))")
    database.run("GRANT INSERT ON visits TO insights_viewer")
    database.run(
        "CREATE FUNCTION visit() RETURNS int LANGUAGE sql AS 'INSERT INTO public.visits DEFAULT VALUES RETURNING 1'"
    )
    database.run("CREATE VIEW visited AS SELECT d.* FROM {table} d, (SELECT visit()) v")
    database.register("visited", "visited")
    database.grant("visited")
    problem = is_problem(server.get("/deliveries?source=visited", user="alice"), 500)
    assert problem["sqlstate"] == "25006"
    assert database.value("SELECT count(*) FROM visits WHERE actor = 'alice'") == 0
    database.run("SELECT {schema}.delivery_source_drop('visited')")


LIKE_THOSE_OF_POSTGRESQL = [
    "to_json(record)",
    "json_build_object(text, json)",
    "json_build_object(text, json, text, json)",
    "json_build_object(text, json, text, bigint, text, bigint)",
    "json_build_array(text, text)",
    "unnest(timestamptz[])",
    "make_interval(mins smallint)",
    "convert_to(text, text)",
]


def test_functions_that_fit_better(database, server):
    """Whoever may create them where the service looks gets none of its rights."""
    for signature in LIKE_THOSE_OF_POSTGRESQL:
        database.run(
            f"CREATE FUNCTION public.{signature} RETURNS json LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'called'; END $$"
        )
    for path in ("/deliveries?limit=1", "/incidents/1", "/sources", "/mutes", "/anomalies/current", "/events?after=0"):
        assert server.get(path).status_code == 200, path
    assert server.post("/replays/plan", {}).status_code == 200
    for signature in LIKE_THOSE_OF_POSTGRESQL:
        database.run(f"DROP FUNCTION public.{signature}")


def test_a_schema_of_another_name():
    with support.database(schema="Ops %s; é", table='De"liveries') as named:
        named.insert(support.failing("acme", "https://a.test"))
        with support.served(named.dsn, "--schema", named.schema) as server:
            assert server.get("/deliveries?limit=1").json()["next"]
            assert server.get("/anomalies/current").json()["incidents"]
            assert server.get("/sources").json()["sources"][0]["relation"] == 'public."De""liveries"'
            assert server.get("/mutes").json() == {"mutes": []}
            assert server.get("/audit/verify").json() == {"problems": [], "head": None}
