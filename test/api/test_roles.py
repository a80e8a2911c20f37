"""Who may do what; and that the documentation says so of every route."""
import re

import pytest

import support
from support import is_problem

LEVELS = ("viewer", "operator", "admin")

# method, route, path that is asked for, the least role, body, status for whoever has it
ROUTES = [
    ("GET", "/me", "/me", "viewer", None, 200),
    ("GET", "/anomalies/current", "/anomalies/current", "admin", None, 200),
    ("GET", "/anomalies/history", "/anomalies/history?hours=2", "admin", None, 200),
    ("GET", "/operator-insights/summary", "/operator-insights/summary", "admin", None, 200),
    ("GET", "/operator-insights/trends", "/operator-insights/trends", "admin", None, 200),
    ("GET", "/operator-insights/compare", "/operator-insights/compare", "admin", None, 200),
    (
        "GET",
        "/operator-insights/replay-recommendations",
        "/operator-insights/replay-recommendations",
        "admin",
        None,
        200,
    ),
    ("GET", "/incidents", "/incidents", "operator", None, 200),
    ("GET", "/incidents/{id}", "/incidents/1", "operator", None, 200),
    ("POST", "/incidents/{id}/acknowledge", "/incidents/1/acknowledge", "operator", {}, 200),
    ("POST", "/incidents/{id}/resolve", "/incidents/2/resolve", "operator", {}, 200),
    ("GET", "/mutes", "/mutes", "operator", None, 200),
    ("POST", "/mutes", "/mutes", "operator", {"tenant": "nobody"}, 201),
    ("DELETE", "/mutes/{id}", "/mutes/1", "operator", None, 204),
    ("GET", "/deliveries", "/deliveries?limit=1", "viewer", None, 200),
    ("POST", "/replays/plan", "/replays/plan", "operator", {}, 200),
    ("POST", "/replays", "/replays", "operator", {"ids": []}, 200),
    ("GET", "/audit", "/audit", "admin", None, 200),
    ("GET", "/audit/stats", "/audit/stats", "admin", None, 200),
    ("GET", "/audit/verify", "/audit/verify", "admin", None, 200),
    ("GET", "/sources", "/sources", "viewer", None, 200),
    ("GET", "/status", "/status", "operator", None, 200),
    ("GET", "/events", "/events", "operator", None, 200),
    ("GET", "/events/stream", "/events/stream", "operator", None, 200),
]


@pytest.fixture(scope="module", autouse=True)
def incident(database):
    database.insert(support.failing("acme", "https://a.test"))
    database.insert(support.failing("acme", "https://b.test"))
    assert support.open_incidents(database, 2) == [1, 2]
    database.run("SELECT {schema}.anomaly_mute('somebody')")


def ask(server, method, path, role, body):
    """The status, also of a stream, whose body has no end."""
    headers = {} if role is None else {"X-User-Roles": role}
    headers["Idempotency-Key"] = f"key-{role}"
    with server.http.stream(method, "/api" + path, headers=headers, json=body) as response:
        if not response.headers.get("content-type", "").startswith("text/event-stream"):
            response.read()
        return response


@pytest.mark.parametrize("method, route, path, least, body, status", ROUTES)
def test_matrix(server, method, route, path, least, body, status):
    for role in (None, "", "nobody", "VIEWERS"):
        is_problem(ask(server, method, path, role, body), 401)
    for role in LEVELS:
        response = ask(server, method, path, role, body)
        if LEVELS.index(role) < LEVELS.index(least):
            assert least in is_problem(response, 403)["detail"]
        else:
            assert response.status_code == status, response.text
    assert ask(server, method, path, "system", body).status_code == status


def test_the_database_judges_too(server, database):
    """Where a grant is missing, the role of the API does not help."""
    database.run("REVOKE SELECT ON {table} FROM insights_viewer")
    problem = is_problem(server.get("/deliveries", role="admin"), 403)
    assert problem["sqlstate"] == "42501"
    database.run("GRANT SELECT ON {table} TO insights_viewer")
    assert server.get("/deliveries", role="viewer").status_code == 200


def test_no_role_has_more_than_it_needs(database):
    """What the roles may do to tables of the extension and of the source."""
    granted = database.run(
        """SELECT r.rolname, c.relname, p FROM pg_class c, pg_roles r,
             unnest('{{INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER}}'::text[]) p
           WHERE c.relkind IN ('r', 'v') AND c.relnamespace IN ('public'::regnamespace, 'insights'::regnamespace)
             AND r.rolname LIKE 'insights\\_%%' AND has_table_privilege(r.oid, c.oid, p) AND %s""",
        True,
    )
    assert granted == []
    assert set_of(database.run(READS)) == {
        ("insights_viewer", "deliveries"),
        ("insights_viewer", "delivery_sources"),
        ("insights_operator", "anomalies"),
        ("insights_operator", "anomaly_events"),
        ("insights_operator", "anomaly_mutes"),
        ("insights_admin", "operator_audit"),
    }
    assert set_of(database.run(CALLS)) == {
        ("insights_viewer", "delivery_search"),
        ("insights_operator", "anomaly_acknowledge"),
        ("insights_operator", "anomaly_insights_status"),
        ("insights_operator", "anomaly_mute"),
        ("insights_operator", "anomaly_resolve"),
        ("insights_operator", "anomaly_unmute"),
        ("insights_operator", "replay_execute"),
    }
    columns = database.run(
        """SELECT attname FROM pg_attribute WHERE attrelid = 'deliveries'::regclass AND attnum > 0
             AND has_column_privilege('insights_admin', attrelid, attnum, 'UPDATE') ORDER BY 1"""
    )
    assert [row[0] for row in columns] == ["attempts", "next_retry_at", "status", "updated_at"]
    assert not database.value("SELECT has_table_privilege('insights_service', 'deliveries', 'SELECT')")


# What is granted to the three by name; everybody may call most functions, which read with the caller's rights.
READS = """
  SELECT DISTINCT r.rolname, c.relname
  FROM pg_class c LEFT JOIN pg_attribute a ON a.attrelid = c.oid,
    aclexplode(c.relacl || a.attacl) acl JOIN pg_roles r ON r.oid = acl.grantee
  WHERE r.rolname LIKE 'insights%' AND acl.privilege_type = 'SELECT'
"""
CALLS = """
  SELECT r.rolname, p.proname FROM pg_proc p, aclexplode(p.proacl) acl JOIN pg_roles r ON r.oid = acl.grantee
  WHERE r.rolname LIKE 'insights%'
"""


def set_of(rows):
    return {tuple(row) for row in rows}


def test_me(server):
    assert server.get("/me").headers["cache-control"] == "no-store"
    me = server.get("/me", role="system, Operator,nonsense", user="zoë").json()
    permissions = {"deliveries": True, "incidents": True, "replay": True, "insights": True, "audit": True}
    assert me == {"user_id": "zoë", "roles": ["system", "operator"], "role": "admin", "permissions": permissions}
    me = server.get("/me", role="viewer").json()
    permissions = {"deliveries": True, "incidents": False, "replay": False, "insights": False, "audit": False}
    assert me == {"user_id": None, "roles": ["viewer"], "role": "viewer", "permissions": permissions}
    me = server.get("/me", role="operator").json()
    assert [name for name, may in me["permissions"].items() if may] == ["deliveries", "incidents", "replay"]


def test_a_user_id_is_utf8(server):
    is_problem(server.get("/me", headers={"X-User-Id": b"\xff\xfe"}), 400)


@pytest.mark.parametrize("name", ["X-User-Roles", "X-User-Id"])
def test_a_header_that_is_there_twice(server, name):
    """A proxy has added its own to the client's."""
    headers = [("X-User-Roles", "viewer"), ("X-User-Id", "mallory"), (name, "viewer")]
    problem = is_problem(server.http.get("/api/me", headers=headers), 400)
    assert name in problem["detail"]


# The documentation --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def document(server):
    return server.http.get("/api/openapi.json").json()


def operations(document):
    return {
        (method.upper(), path): operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }


def resolve(document, schema):
    return document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]] if "$ref" in schema else schema


def test_every_route_is_documented(document):
    found = operations(document)
    assert set(found) == {(method, route) for method, route, *_ in ROUTES}
    for method, route, _, least, body, status in ROUTES:
        operation = found[method, route]
        assert operation["summary"] and operation["tags"]
        assert re.search(r"Role: (\w+)\.", operation["description"]).group(1) == least
        assert operation["security"] == [{"roles": []}]
        assert "X-User-Id" in [parameter["name"] for parameter in operation["parameters"]]
        assert ("requestBody" in operation) == (body is not None)
        responses = operation["responses"]
        assert str(status) in responses
        assert {"401", "403", "422", "500", "503", "504"} <= set(responses)
        assert ("404" in responses) or "{id}" not in route
        for number, response in responses.items():
            assert response["description"]
            if int(number) >= 400:
                schema = response["content"]["application/problem+json"]["schema"]
                assert resolve(document, schema)["title"] == "Problem"
                assert list(response["content"]) == ["application/problem+json"]


def test_every_answer_has_a_schema(document):
    for (method, route), operation in operations(document).items():
        if method == "DELETE" or route == "/events/stream":
            continue
        success = operation["responses"].get("200") or operation["responses"]["201"]
        schema = resolve(document, success["content"]["application/json"]["schema"])
        assert schema["properties"], route
    stream = operations(document)["GET", "/events/stream"]["responses"]["200"]
    assert list(stream["content"]) == ["text/event-stream"]


def test_every_parameter_is_described(document):
    for (_, route), operation in operations(document).items():
        for parameter in operation.get("parameters", []):
            schema = parameter["schema"]
            assert parameter.get("description"), (route, parameter["name"])
            if schema.get("type") in ("integer", "number"):
                assert "minimum" in schema or "exclusiveMinimum" in schema, (route, parameter["name"])
                assert "maximum" in schema, (route, parameter["name"])


def test_no_route_takes_a_parameter_that_it_does_not_know(server, document):
    """What another route calls so is refused as well, and what this one documents is not."""
    takes = {
        where: [p["name"] for p in operation.get("parameters", []) if p["in"] == "query"]
        for where, operation in operations(document).items()
    }
    names = {name for known in takes.values() for name in known} | {"tenant_id", "Hours", "_"}
    assert len(names) > 20
    for (method, route), known in takes.items():
        path = route.replace("{id}", "1")
        for name in names - set(known):
            problem = is_problem(server.request(method, f"{path}?{name}=1", "admin", json=None), 422)
            assert name in problem["detail"]
            assert problem["errors"] == [{"where": f"query.{name}", "message": "no such parameter"}]
            assert all(each in problem["hint"] for each in known)
        for name in known if route != "/events/stream" else []:
            assert "There is no parameter" not in server.request(method, f"{path}?{name}=1", "admin").text
    problem = is_problem(server.get("/incidents?tenant_id=acme&limit=1&scope=fleet"), 422)
    assert problem["detail"] == "There is no parameter tenant_id, scope."
    is_problem(server.get("/incidents?tenant_id=acme", role=None), 401)


def check(document, schema, value, where):
    """The value is as the schema says, which must know every member."""
    schema = resolve(document, schema)
    if value is None:
        return
    kind = schema.get("type")
    types = {"object": dict, "array": list, "string": str, "integer": int, "number": (int, float), "boolean": bool}
    if kind:
        assert isinstance(value, types[kind]), where
    if kind == "array":
        for each in value:
            check(document, schema["items"], each, where)
    for part in schema.get("allOf", []):
        check(document, part, value, where)
    if "properties" in schema:
        assert set(value) <= set(schema["properties"]), where
        assert set(schema.get("required", [])) <= set(value), where
        for name, member in value.items():
            check(document, schema["properties"][name], member, f"{where}.{name}")


@pytest.mark.parametrize(
    "method, route, path, least, body, status",
    [row for row in ROUTES if row[0] != "DELETE" and row[1] != "/events/stream"],
)
def test_answers_are_as_documented(server, document, method, route, path, least, body, status):
    response = ask(server, method, path, least, body)
    content = operations(document)[method, route]["responses"][str(status)]["content"]
    check(document, content["application/json"]["schema"], response.json(), route)


def test_a_problem_is_as_documented(server, document):
    for response in (server.get("/incidents/0"), server.get("/anomalies/current?method=x"), server.get("/nothing")):
        check(document, {"$ref": "#/components/schemas/Problem"}, response.json(), "problem")
