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
    support.open_incidents(database, 2)
    for table, policy in (("{table}", "own"), ("{schema}.anomalies", "own"), ("{schema}.anomaly_events", "own")):
        database.run(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        database.run(
            f"CREATE POLICY {policy} ON {table} TO insights_viewer USING (current_user IN ('insights_viewer', "
            f"'insights_operator', 'insights_admin') OR current_user = '{ROLES}_' || tenant_id)"
        )
    yield
    for tenant in ("acme", "globex"):
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


def test_an_application_with_users_of_its_own(database):
    """Two lines mount the API; its startup, routes and errors stay the application's; its users are believed."""
    with support.hosted(database.dsn, HOST_ROLES=ROLES) as server:
        assert server.http.get("/calls").json() == ["startup"]
        assert server.http.get("/nowhere").json() == {"detail": "Not Found"}
        is_problem(server.get("/nowhere"), 404)
        # The application's users have tokens; the header counts for nothing.
        is_problem(server.get("/deliveries", role="admin"), 401)
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
        (lambda: support.hosted(database.dsn, HOST_ROLES=ROLES), False),
        (lambda: support.served(database.dsn), True),
    ):
        with start() as server:
            server.stop()
            assert any("X-User-Roles" in line for line in server.log) is warned
