"""The server's static files, and the login for demonstrations."""
import pytest

import support
from support import is_problem


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    directory = tmp_path_factory.mktemp("build")
    (directory / "index.html").write_text("<!doctype html><title>dashboard</title>")
    (directory / "assets").mkdir()
    (directory / "assets" / "app.1a2b.js").write_text("run()")
    (directory.parent / "secret.txt").write_text("secret")
    return directory


@pytest.fixture(scope="module")
def demo(database, build):
    with support.served(database.dsn, "--static", str(build), "--demo-login") as running:
        yield running


@pytest.fixture(autouse=True)
def no_cookies(demo):
    demo.http.cookies.clear()
    yield
    demo.http.cookies.clear()


def login(demo, **params):
    return demo.http.get("/demo/login", params=params, follow_redirects=False)


@pytest.mark.parametrize("path", ["/", "/index.html", "/incidents", "/incidents/17", "/audit", "/?x=1", "/assets/gone"])
def test_pages_of_the_dashboard(demo, path):
    response = demo.http.get(path)
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/html")
    assert "dashboard" in response.text
    assert response.headers["cache-control"] == "no-cache"
    assert "frame-ancestors 'none'" in response.headers["content-security-policy"]


def test_files(demo):
    response = demo.http.get("/assets/app.1a2b.js")
    assert response.text == "run()"
    assert "javascript" in response.headers["content-type"]
    assert "immutable" in response.headers["cache-control"]
    assert demo.http.get("/assets/gone.js").status_code == 404
    for path in ("/../secret.txt", "/..%2fsecret.txt", "/%2e%2e/secret.txt", "/assets/..%2f..%2fsecret.txt"):
        assert "secret" not in demo.http.get(path).text
    is_problem(demo.http.get("/api/gone"), 404)


def test_login(demo):
    is_problem(demo.http.get("/api/me"), 401)
    response = login(demo, roles="operator,viewer,king", user="zoë; x=1")
    assert (response.status_code, response.headers["location"]) == (303, "/")
    cookies = response.headers.get_list("set-cookie")
    assert len(cookies) == 2
    for cookie in cookies:
        assert "HttpOnly" in cookie and "samesite=lax" in cookie.lower()
    me = demo.http.get("/api/me").json()
    assert (me["user_id"], me["roles"]) == ("zoë; x=1", ["operator", "viewer"])
    assert demo.http.get("/api/anomalies/current").status_code == 403
    # A header goes before the cookies.
    assert demo.get("/me", role="admin").json()["role"] == "admin"
    is_problem(demo.get("/me", role="king"), 401)


def test_plain_cookies(demo):
    response = demo.http.get("/api/me", headers={"Cookie": "user_roles=admin,viewer; user_id=alice"})
    assert (response.json()["user_id"], response.json()["roles"]) == ("alice", ["admin", "viewer"])


def test_a_login_without_a_role(demo):
    response = login(demo, roles="king")
    assert response.status_code == 422
    assert "set-cookie" not in response.headers


@pytest.mark.parametrize(
    "headers, allowed",
    [
        ({}, True),
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Origin": "OWN"}, True),
        ({"Origin": "https://evil.test"}, False),
        ({"Origin": "null"}, False),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "https://evil.test"}, False),
    ],
)
def test_requests_of_other_sites(demo, headers, allowed):
    login(demo, roles="admin", user="alice")
    headers = {name: value.replace("OWN", demo.base) for name, value in headers.items()}
    response = demo.http.post("/api/mutes", json={"tenant": "nobody"}, headers=headers)
    if not allowed:
        is_problem(response, 403)
        is_problem(demo.http.delete("/api/mutes/1", headers=headers), 403)
        assert demo.http.get("/api/me", headers=headers).status_code == 200
    else:
        assert response.status_code == 201
    # Who sends the header is no browser that was talked into it.
    assert demo.post("/mutes", {"tenant": "nobody"}, headers=headers).status_code == 201


def test_a_stream_by_cookie(demo, database):
    login(demo, roles="operator")
    with demo.http.stream("GET", "/api/events/stream") as response:
        assert response.status_code == 200
        assert next(response.iter_lines()).startswith("retry:")


def test_it_says_so(demo):
    assert any("demonstrations only" in line for line in demo.log)
    document = demo.http.get("/api/openapi.json").json()
    assert set(document["components"]["securitySchemes"]) == {"roles", "demo"}


def test_without_the_option_there_is_no_login(database, build):
    with support.served(database.dsn, "--static", str(build)) as server:
        assert "set-cookie" not in login(server, roles="admin").headers
        response = server.http.get("/api/me", headers={"Cookie": "user_roles=admin; user_id=alice"})
        is_problem(response, 401)
