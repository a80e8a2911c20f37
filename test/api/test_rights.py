"""Row-level security holds through the API, and in an application of somebody else's."""
import pytest

import support
from support import is_problem

ROLES = "api_test"


@pytest.fixture(scope="module", autouse=True)
def tenants(database):
    """Two tenants, each with a database role that sees its own rows."""
    for tenant in ("acme", "globex"):
        database.insert(support.failing(tenant, f"https://{tenant}.test"))
        role = f"{ROLES}_{tenant}"
        database.run(f"DROP ROLE IF EXISTS {role}")
        database.run(f"CREATE ROLE {role} NOLOGIN IN ROLE insights_operator")
        database.run(f"GRANT {role} TO insights_service")
        database.run("SELECT {schema}.insights_grant('operator', %s, ARRAY[%s])", role, tenant)
    support.open_incidents(database, 2)
    database.run("ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    database.run(
        "CREATE POLICY own ON {table} TO insights_viewer USING (current_user IN ('insights_viewer', "
        f"'insights_operator', 'insights_admin') OR current_user = '{ROLES}_' || tenant_id)"
    )
    yield
    for tenant in ("acme", "globex"):
        database.run("SELECT {schema}.insights_revoke(%s)", f"{ROLES}_{tenant}")
        database.run(f"DROP ROLE {ROLES}_{tenant}")


def test_a_role_that_is_mapped(database):
    """The operators of this server are one tenant's."""
    with support.served(database.dsn, "--role", f"operator={ROLES}_acme") as server:
        deliveries = server.get("/deliveries?limit=500", role="operator").json()["deliveries"]
        assert len(deliveries) == 140
        assert {d["tenant_id"] for d in deliveries} == {"acme"}
        assert len(server.get("/deliveries?limit=500", role="viewer").json()["deliveries"]) == 280
        assert server.get("/deliveries?tenant=globex", role="operator").json()["deliveries"] == []
        everything = server.get("/incidents", role="admin").json()["incidents"]
        (own,) = server.get("/incidents", role="operator").json()["incidents"]
        assert own["tenant_id"] == "acme"
        (other,) = [incident["id"] for incident in everything if incident["id"] != own["id"]]
        is_problem(server.get(f"/incidents/{other}", role="operator"), 404)
        is_problem(server.post(f"/incidents/{other}/acknowledge", role="operator"), 404)
        is_problem(server.post(f"/incidents/{other}/resolve", role="operator"), 404)
        assert server.get(f"/incidents/{other}", role="admin").json()["incident"]["status"] == "open"
        assert server.post(f"/incidents/{own['id']}/acknowledge", role="operator").status_code == 200
        events = server.get("/events?after=0", role="operator").json()["events"]
        assert {event["tenant_id"] for event in events} == {"acme"}
        stream = server.stream(after=0)
        assert stream.next_event()["tenant_id"] == "acme"
        stream.kill()
        plan = server.post("/replays/plan", {}, role="operator").json()
        assert {d["tenant_id"] for d in plan["deliveries"]} == {"acme"}


def test_mutes_of_others(database):
    """Whoever does not see a mute cannot end it."""
    with support.served(database.dsn, "--role", f"operator={ROLES}_acme") as server:
        theirs, own = (server.post("/mutes", {"tenant": tenant}).json()["id"] for tenant in ("globex", "acme"))
        assert [mute["id"] for mute in server.get("/mutes", role="operator").json()["mutes"]] == [own]
        assert is_problem(server.request("DELETE", f"/mutes/{theirs}", "operator"), 404)["hint"]
        assert database.value("SELECT ends_at IS NULL FROM {schema}.anomaly_mutes WHERE id = %s", theirs)
        assert server.request("DELETE", f"/mutes/{own}", "operator").status_code == 204
        assert server.request("DELETE", f"/mutes/{theirs}", "admin").status_code == 204
        assert server.get("/mutes").json()["mutes"] == []


def test_mutes_for_others(database):
    """Whoever is restricted to a tenant mutes no other, and so not every one."""
    with support.served(database.dsn, "--role", f"operator={ROLES}_acme") as server:
        for mute in ({"tenant": "globex"}, {"endpoint": "https://acme.test"}, {"source": "default"}):
            problem = is_problem(server.post("/mutes", mute, role="operator"), 403)
            assert problem["sqlstate"] == "42501" and "insights_tenants" in problem["hint"]
        own = server.post("/mutes", {"tenant": "acme"}, role="operator").json()["id"]
        assert server.request("DELETE", f"/mutes/{own}", "operator").status_code == 204


def test_the_status_counts_what_one_may_see(database):
    with support.served(database.dsn, "--role", f"operator={ROLES}_acme") as server:
        counts = [server.get("/status", role=role).json()["sources"][0]["open_incidents"] for role in ("operator", "admin")]
        assert counts == [1, 2]


def test_roles_that_are_granted_again(database):
    """roles.sql gives a role that was restricted no more than it had."""
    database.run("SELECT {schema}.insights_grant('operator', 'insights_operator', '{{acme}}')")
    database.grant()
    restricted = "SELECT tier, tenants FROM {schema}.insights_grants WHERE role_name = 'insights_operator'"
    assert database.run(restricted) == [("operator", ["acme"])]
    database.run("SELECT {schema}.insights_grant('operator', 'insights_operator')")


def test_a_heartbeat_amid_events_of_others(database):
    """They wake the stream, and leave it with nothing to send."""
    (other,) = database.run("SELECT id FROM {schema}.anomalies_active WHERE tenant_id = 'globex'")[0]
    roles = {"viewer": "insights_viewer", "operator": f"{ROLES}_acme", "admin": "insights_admin"}
    with support.hosted(database.dsn, roles=roles, heartbeat=2, look_again=3600) as server:
        stream = server.stream()
        stream.beginning()
        support.wait_for(lambda: happens_until_a_frame(database, other, stream), "a heartbeat")
        assert stream.next_frame() == {"comment": "heartbeat"}
        stream.kill()


def happens_until_a_frame(database, incident, stream):
    database.run("SELECT {schema}.anomaly_acknowledge(%s)", incident)
    database.run("UPDATE {schema}.anomalies SET status = 'open' WHERE id = %s", incident)
    return not stream.frames.empty()


def test_an_application_with_users_of_its_own(database):
    """Two lines mount the API; its startup, routes and errors stay the application's; its users are believed."""
    with support.hosted(database.dsn, tokens=ROLES) as server:
        assert server.http.get("/calls").json() == ["startup"]
        assert server.http.get("/nowhere").json() == {"detail": "Not Found"}
        is_problem(server.get("/nowhere"), 404)
        # The application's users have tokens; the header counts for nothing.
        assert "X-User-Roles" not in is_problem(server.get("/deliveries", role="admin"), 401)["detail"]
        for tenant in ("acme", "globex"):
            headers = {"X-Token": tenant}
            me = server.get("/me", role="admin", headers=headers).json()
            assert (me["user_id"], me["roles"]) == (tenant, ["viewer"])
            found = server.get("/deliveries?limit=500", headers=headers).json()["deliveries"]
            assert {d["tenant_id"] for d in found} == {tenant}
            is_problem(server.get("/incidents", role="admin", headers=headers), 403)
        document = server.http.get("/ops/api/openapi.json").json()
        assert document["servers"] == [{"url": "/ops/api"}]
        assert "securitySchemes" not in document["components"]


def test_the_bare_header_is_warned_of(database):
    for start, warned in (
        (lambda: support.hosted(database.dsn), True),
        (lambda: support.hosted(database.dsn, tokens=ROLES), False),
        (lambda: support.served(database.dsn), True),
    ):
        with start() as server:
            server.stop()
            assert any("X-User-Roles" in line for line in server.log) is warned
