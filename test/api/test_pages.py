"""Pages visit everything once, in order."""
import random
from datetime import datetime, timedelta, timezone

import pytest

import support


@pytest.fixture(scope="module")
def rows(database):
    """Many of the same microsecond."""
    chance = random.Random(3)
    start = datetime.now(timezone.utc) - timedelta(hours=3)
    rows = []
    for number in range(730):
        at = start + timedelta(microseconds=chance.randrange(3), seconds=chance.choice([0, 0, 1, 60]))
        status = chance.choice(["delivered", "failed", "dead_letter", "pending", "odd"])
        label = chance.choice([None, "transient_endpoint_down", "permanent_4xx"])
        rows.append(
            {
                "id": f"{number:032x}",
                "tenant_id": f"t{number % 3}",
                "target": f"/e{number % 5}",
                "status": status,
                "triage_label": label,
                "created_at": at,
                "attempts": number % 4,
            }
        )
    database.insert(rows)
    return rows


def follow(server, path, member, name, parameter, **params):
    """All members of all pages; no page but the last is short, and none is empty unless it is the only one."""
    seen = []
    while True:
        page = server.get(path, params=params).json()
        assert 0 < len(page[member]) <= params["limit"]
        seen += page[member]
        if page["next"] is None:
            return seen
        assert len(page[member]) == params["limit"]
        assert page["next"] != params.get(parameter)
        params[parameter] = page["next"]


def ids(rows):
    return [
        str(row["id"]).replace("-", "") for row in sorted(rows, key=lambda r: (r["created_at"], r["id"]), reverse=True)
    ]


@pytest.mark.parametrize("limit", [1, 7, 73, 365, 500])
def test_deliveries(server, rows, limit):
    wanted = rows if limit > 1 else [row for row in rows if row["tenant_id"] == "t1" and row["target"] == "/e2"]
    params = {} if limit > 1 else {"tenant": "t1", "endpoint": "/e2"}
    seen = follow(server, "/deliveries", "deliveries", "delivery_id", "cursor", limit=limit, **params)
    assert [d["delivery_id"].replace("-", "") for d in seen] == ids(wanted)


@pytest.mark.parametrize("limit", [1, 2, 3, 10])
def test_a_page_takes_all_that_share_its_last_place(server, database, limit):
    """Ids that are not unique: deliveries of one time and id stay together, and a page grows by them."""
    database.run("CREATE TABLE shared (id text, created_at timestamptz, endpoint text, status text)")
    database.run("""
        INSERT INTO shared
        SELECT id, date_trunc('second', now()) - minutes * interval '1 minute', id || '/' || n, 'failed'
        FROM (VALUES ('a', 1, 1), ('b', 2, 3), ('c', 2, 1), ('d', 3, 4), ('d', 4, 2)) v (id, minutes, times),
          generate_series(1, times) n""")
    database.register("shared", "shared")
    database.run("GRANT SELECT ON shared TO insights_viewer")
    seen, params = [], {"limit": limit, "source": "shared"}
    while True:
        page = server.get("/deliveries", params=params).json()
        places = [(d["created_at"], d["delivery_id"]) for d in page["deliveries"]]
        assert len(set(places[:limit])) == len(set(places))
        assert not set(places) & {place for place, _ in seen}
        seen += [(place, d["endpoint"]) for place, d in zip(places, page["deliveries"])]
        if page["next"] is None:
            break
        assert len(places) >= limit
        params["cursor"] = page["next"]
    assert sorted(endpoint for _, endpoint in seen) == sorted(
        f"{id}/{n}" for id, times in [("a", 1), ("b", 3), ("c", 1), ("d", 4), ("d", 2)] for n in range(1, times + 1)
    )
    database.run("SELECT {schema}.delivery_source_drop('shared')")
    database.run("DROP TABLE shared")


def test_filters(server, rows):
    def listed(**params):
        found = follow(server, "/deliveries", "deliveries", "delivery_id", "cursor", limit=100, **params)
        return [d["delivery_id"].replace("-", "") for d in found]

    assert listed(status="failed") == ids(r for r in rows if r["status"] == "failed")
    both = listed(status=["failed", "dead_letter"], triage_label=["permanent_4xx", "unclassified"])
    assert both == ids(
        r for r in rows if r["status"] in ("failed", "dead_letter") and r["triage_label"] in ("permanent_4xx", None)
    )
    assert listed(ids=["1".zfill(32), "5".zfill(32)]) == ids([rows[1], rows[5]])
    middle = sorted(row["created_at"] for row in rows)[400]
    assert listed(since=middle.isoformat()) == ids(r for r in rows if r["created_at"] >= middle)
    # Without a zone, times are UTC.
    assert listed(since=middle.replace(tzinfo=None).isoformat()) == listed(since=middle.isoformat())
    assert listed(until=middle.isoformat()) == ids(r for r in rows if r["created_at"] <= middle)
    assert len(listed(hours=4)) == len(rows)
    assert server.get("/deliveries", params={"hours": 0.25}).json() == {"deliveries": [], "next": None}


def test_a_delivery(server, database, rows):
    database.run(
        "UPDATE {table} SET last_error = 'é', next_retry_at = '2030-01-02 03:04:05.6+00' WHERE id = %s", rows[9]["id"]
    )
    found = server.get("/deliveries", role="viewer", params={"ids": rows[9]["id"]}).json()["deliveries"]
    classes = {"odd": None}
    assert found == [
        {
            "delivery_id": "00000000-0000-0000-0000-000000000009",
            "created_at": rows[9]["created_at"].strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "updated_at": found[0]["updated_at"],
            "tenant_id": "t0",
            "endpoint": "/e4",
            "event_type": None,
            "status": rows[9]["status"],
            "status_class": classes.get(rows[9]["status"], rows[9]["status"]),
            "triage_label": rows[9]["triage_label"],
            "triage_score": None,
            "attempts": 1,
            "max_attempts": 5,
            "next_retry_at": "2030-01-02T03:04:05.600000Z",
            "http_status": None,
            "error": "é",
        }
    ]


def test_what_comes_meanwhile_moves_no_page(server, database, rows):
    """A cursor is a place, not a number of rows."""
    first = server.get("/deliveries", params={"limit": 400}).json()
    database.insert([{"tenant_id": "new", "target": "/new", "status": "delivered", "ago": 1} for _ in range(5)])
    second = server.get("/deliveries", params={"limit": 400, "cursor": first["next"]}).json()
    seen = [d["delivery_id"].replace("-", "") for d in first["deliveries"] + second["deliveries"]]
    assert seen == ids(rows)
    database.run("DELETE FROM {table} WHERE tenant_id = 'new'")


@pytest.fixture(scope="module")
def incidents(database):
    for number in range(11):
        database.insert(support.failing(f"i{number % 2}", f"https://i{number}.test"))
    return support.open_incidents(database, 11)


@pytest.mark.parametrize("limit", [1, 4, 11, 1000])
def test_incidents(server, rows, incidents, limit):
    seen = follow(server, "/incidents", "incidents", "id", "before", limit=limit)
    assert [incident["id"] for incident in seen] == incidents[::-1]


def test_filters_of_incidents(server, database, rows, incidents):
    resolved, acknowledged = incidents[0], incidents[3]
    assert server.post(f"/incidents/{resolved}/resolve").status_code == 200
    assert server.post(f"/incidents/{acknowledged}/acknowledge").status_code == 200

    def listed(**params):
        return [i["id"] for i in server.get("/incidents", params=params).json()["incidents"]]

    open_ones = [i for i in incidents[::-1] if i not in (resolved, acknowledged)]
    assert listed(status="all") == incidents[::-1]
    assert listed() == listed(status="active") == [i for i in incidents[::-1] if i != resolved]
    assert listed(status="open") == open_ones
    assert listed(status="acknowledged") == [acknowledged]
    assert listed(status="resolved") == [resolved]
    assert listed(source="gone") == []
    of_one = database.run("SELECT id FROM {schema}.anomalies WHERE tenant_id = 'i1' ORDER BY id DESC")
    assert listed(tenant="i1", status="all", source="default") == [row[0] for row in of_one]
    assert len(listed(endpoint="https://i5.test")) == 1
    assert server.get("/incidents?status=gone").status_code == 422


def test_last_seq(server, database, incidents):
    assert server.get("/incidents").json()["last_seq"] == database.value("SELECT max(seq) FROM {schema}.anomaly_events")


def test_events(server, database, incidents):
    """The polling fall-back."""
    seen, after = [], 0
    while True:
        page = server.get("/events", params={"after": after, "limit": 4}).json()
        seen += [event["seq"] for event in page["events"]]
        assert page["last_seq"] == (page["events"][-1]["seq"] if page["events"] else after)
        if not page["events"]:
            break
        after = page["last_seq"]
    assert seen == [row[0] for row in database.run("SELECT seq FROM {schema}.anomaly_events ORDER BY seq")]
    assert server.get("/events").json() == {"events": [], "last_seq": seen[-1]}
    # A client of a database that has been made anew.
    assert server.get("/events", params={"after": 10**15}).json() == {"events": [], "last_seq": seen[-1]}
