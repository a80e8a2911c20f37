"""Events as they happen: none lost, none twice, and nothing left behind."""
import time

import pytest

import support


@pytest.fixture(scope="module")
def server(database):
    """Mounted in an application that tells what the process holds."""
    with support.hosted(database.dsn) as running:
        yield running


@pytest.fixture(scope="module")
def incident(database):
    database.insert(support.failing("acme", "https://a.test"))
    return support.open_incidents(database, 1)[0]


def seqs(database, after=0):
    return [
        row[0] for row in database.run("SELECT seq FROM {schema}.anomaly_events WHERE seq > %s ORDER BY seq", after)
    ]


def happen(database, incident, count=1):
    """So many more events; gives the seq of the last."""
    for number in range(count):
        database.run("SELECT {schema}.anomaly_acknowledge(%s, %s)", incident, f"note {number}")
        database.run(
            """UPDATE {schema}.anomalies SET status = 'open', acknowledged_at = NULL, acknowledged_by = NULL
               WHERE id = %s""",
            incident,
        )
    return seqs(database)[-1]


def insert_events(database, incident, count, message):
    database.run(
        """INSERT INTO {schema}.anomaly_events (anomaly_id, event, at, severity, status, source, scope, recent_count,
             baseline_count, recent_failures, baseline_failures, peak_failures, message, notified, by_user)
           SELECT %s, 'escalated', now(), 'critical', 'open', 'default', 'endpoint', 1, 1, 1, 1, 1, %s, true, 'me'
           FROM generate_series(1, %s)""",
        incident,
        message,
        count,
    )


def read_until(stream, last):
    """The seqs of all events up to that one."""
    seen = []
    while not seen or seen[-1] < last:
        seen.append(stream.next_event()["seq"])
    return seen


def inside(server):
    return server.http.get("/inside").json()


def is_at_rest(pool):
    return pool["pool_available"] == pool["pool_size"] and pool.get("requests_waiting", 0) == 0


def listener(database):
    return [pid for pid, _, query in database.service_backends() if query.startswith("LISTEN")]


def test_what_is_there_and_what_comes(server, database, incident):
    stream = server.stream(after=0)
    assert stream.status == 200
    assert stream.response.headers["content-type"].startswith("text/event-stream")
    assert stream.beginning() == 0
    assert read_until(stream, seqs(database)[-1]) == seqs(database)
    database.insert(support.failing("acme", "https://b.test"))
    event = stream.next_event()
    assert (event["event"], event["endpoint"], event["severity"]) == ("opened", "https://b.test", "critical")
    assert event["at"].endswith("Z")
    assert event == server.get("/events", params={"after": event["seq"] - 1}).json()["events"][0]
    stream.kill()


def test_without_a_place_it_begins_with_what_is_new(server, database, incident):
    newest = seqs(database)[-1]
    stream = server.stream()
    assert stream.beginning() == newest
    last = happen(database, incident)
    assert stream.next_event()["seq"] == last
    stream.kill()


@pytest.mark.parametrize("by_header", [True, False])
def test_a_client_that_comes_back(server, database, incident, by_header):
    start = seqs(database)[-1]
    stream = server.stream(after=start)
    happen(database, incident, 3)
    seen = [stream.next_event()["seq"] for _ in range(2)]
    stream.kill()
    happen(database, incident, 5)
    back = server.stream(after=0, last_event_id=seen[-1]) if by_header else server.stream(after=seen[-1])
    seen += read_until(back, happen(database, incident, 2))
    assert seen == seqs(database, start)
    back.kill()


def test_a_client_that_is_cut_off_before_the_first_event(server, database, incident):
    stream = server.stream()
    beginning = stream.beginning()
    stream.kill()
    last = happen(database, incident, 2)
    back = server.stream(last_event_id=beginning)
    assert read_until(back, last) == seqs(database, beginning)
    back.kill()


def test_a_place_that_never_was(server, database, incident):
    """A client of a database that has been made anew."""
    stream = server.stream(last_event_id=10**15)
    assert stream.beginning() == seqs(database)[-1]
    last = happen(database, incident)
    assert stream.next_event()["seq"] == last
    stream.kill()


def test_many_events_at_once(server, database, incident):
    start = seqs(database)[-1]
    insert_events(database, incident, 1700, "two\nlines")
    stream = server.stream(after=start)
    seen = [stream.next_event() for _ in range(1700)]
    assert [event["seq"] for event in seen] == seqs(database, start)
    assert seen[-1]["message"] == "two\nlines"
    stream.kill()


def test_no_notification_is_no_loss(server, database, incident):
    """Muted incidents notify nobody, and yet happen."""
    stream = server.stream()
    stream.beginning()
    database.run("ALTER DATABASE {} SET anomaly_insights.notify_channel = ''".replace("{}", database.name))
    mute = database.value("SELECT {schema}.anomaly_mute(everything => true)")
    event = stream.next_event()
    assert (event["event"], event["notified"]) == ("muted", False)
    database.run("SELECT {schema}.anomaly_unmute(%s)", mute)
    while stream.next_event()["event"] != "unmuted":
        pass
    database.run("ALTER DATABASE {} RESET anomaly_insights.notify_channel".replace("{}", database.name))
    stream.kill()


def test_notifications_wake(server, database, incident):
    """A server whose streams look at nothing but notifications, and at the table when it listens again."""
    with support.hosted(database.dsn, heartbeat=3600, look_again=3600) as patient:
        support.wait_for(lambda: len(listener(database)) == 2, "the listener")
        streams = [patient.stream() for _ in range(3)]
        beginning = [stream.beginning() for stream in streams][-1]
        for _ in range(3):
            last = happen(database, incident)
            for stream in streams:
                assert stream.next_event()["seq"] == last
        for pid in listener(database):
            database.run("SELECT pg_terminate_backend(%s)", pid)
        last = happen(database, incident, 2)
        for stream in streams:
            assert read_until(stream, last) == seqs(database, beginning)[3:]
            stream.kill()


def test_who_may_not(server, database, incident):
    for role, status in ((None, 401), ("viewer", 403)):
        response = server.get("/events/stream", role=role)
        assert response.status_code == status
        assert response.headers["content-type"] == "application/problem+json"
    assert server.get("/events/stream?after=-1").status_code == 422
    assert server.get("/events/stream", headers={"Last-Event-ID": "x"}).status_code == 422


def test_rights_that_end(server, database, incident):
    """Each stream reads with the rights of its own role, at each event."""
    stream = server.stream()
    stream.beginning()
    database.run("REVOKE SELECT ON {schema}.anomaly_events FROM insights_operator")
    happen(database, incident)
    assert stream.ended.wait(support.WAIT)
    assert all("data" not in frame for frame in list(stream.frames.queue))
    assert server.get("/events/stream").status_code == 403
    database.run("GRANT SELECT ON {schema}.anomaly_events TO insights_operator")
    assert server.get("/events").status_code == 200


def test_the_listener_is_lost(server, database, incident):
    stream = server.stream()
    beginning = stream.beginning()
    (before,) = support.wait_for(lambda: listener(database), "the listener")
    database.run("SELECT pg_terminate_backend(%s)", before)
    last = happen(database, incident, 3)
    assert read_until(stream, last) == seqs(database, beginning)
    support.wait_for(lambda: listener(database) not in ([], [before]), "another listener")
    last = happen(database, incident)
    assert stream.next_event()["seq"] == last
    stream.kill()


def test_all_connections_are_lost(server, database, incident):
    streams = [server.stream() for _ in range(5)]
    beginnings = [stream.beginning() for stream in streams]
    for pid, *_ in database.service_backends():
        database.run("SELECT pg_terminate_backend(%s)", pid)
    last = happen(database, incident, 3)
    for stream, beginning in zip(streams, beginnings):
        assert read_until(stream, last) == seqs(database, beginning)
    support.wait_for(lambda: listener(database), "the listener")
    last = happen(database, incident)
    for stream in streams:
        assert stream.next_event()["seq"] == last
        stream.kill()
    assert server.get("/sources").status_code == 200


def test_a_database_that_refuses_for_a_while(server, database, incident):
    stream = server.stream()
    beginning = stream.beginning()
    database.run("ALTER ROLE insights_service CONNECTION LIMIT 0")
    for pid, *_ in database.service_backends():
        database.run("SELECT pg_terminate_backend(%s)", pid)
    last = happen(database, incident, 2)
    response = server.get("/sources")
    assert response.status_code == 503 and response.headers["Retry-After"]
    database.run("ALTER ROLE insights_service CONNECTION LIMIT -1")
    assert read_until(stream, last) == seqs(database, beginning)
    stream.kill()
    support.wait_for(lambda: server.get("/sources").status_code == 200, "the service to recover")


def test_many_clients(server, database, incident):
    """They share a few connections, hold none while they wait, and leave nothing."""
    support.wait_for(lambda: inside(server)["subscribers"] == 0, "the streams of other tests to end")
    before = inside(server)
    streams = [server.stream() for _ in range(200)]
    beginnings = {stream.beginning() for stream in streams}
    assert inside(server)["subscribers"] == 200
    last = happen(database, incident, 3)
    for _ in range(10):
        assert server.get("/deliveries?limit=1").status_code == 200
    for stream in streams:
        assert read_until(stream, last) == seqs(database, min(beginnings))
    backends = database.service_backends()
    assert len(backends) <= 11
    # After a test that ended connections it may still wait for its next try.
    support.wait_for(lambda: len(listener(database)) == 1, "one listener")
    support.wait_for(
        lambda: all(state == "idle" for _, state, _ in database.service_backends()), "the connections to be idle"
    )
    assert server.get("/me").status_code == 200
    for stream in streams:
        stream.kill()
    support.wait_for(lambda: inside(server)["subscribers"] == 0, "the streams to end")
    support.wait_for(lambda: inside(server)["tasks"] <= before["tasks"] + 1, "the tasks to end")
    support.wait_for(lambda: is_at_rest(inside(server)["pool"]), "the connections to return to the pool")
    assert not [line for line in server.log if "Traceback" in line]


def test_a_client_that_does_not_read(server, database, incident):
    """It keeps nothing from the others but a subscription, which ends with it."""
    support.wait_for(lambda: inside(server)["subscribers"] == 0, "the streams of other tests to end")
    start = seqs(database)[-1]
    insert_events(database, incident, 1000, "x" * 20000)
    lazy = server.lazy(start)
    support.wait_for(lambda: inside(server)["subscribers"] == 1, "the stream to begin")
    stream = server.stream()
    stream.beginning()
    last = happen(database, incident)
    assert stream.next_event()["seq"] == last
    support.wait_for(lambda: is_at_rest(inside(server)["pool"]), "the connections to return to the pool")
    assert inside(server)["subscribers"] == 2
    lazy.close()
    stream.kill()
    support.wait_for(lambda: inside(server)["subscribers"] == 0, "the streams to end")
    forget(database, start)


def test_a_client_that_does_not_read_for_long(server, database, incident):
    """It is cut off, so that it costs nothing more."""
    start = seqs(database)[-1]
    insert_events(database, incident, 1000, "x" * 20000)
    with support.hosted(database.dsn, send_timeout=1) as strict:
        lazy = strict.lazy(start)
        support.wait_for(lambda: inside(strict)["subscribers"] == 1, "the stream to begin")
        reader = strict.stream(after=start)
        support.wait_for(lambda: inside(strict)["subscribers"] == 1, "the stream to be cut off")
        assert read_until(reader, happen(database, incident)) == seqs(database, start)
        lazy.close()
        reader.kill()
    forget(database, start)


def test_the_end_of_the_server_with_clients_that_do_not_read(server, database, incident):
    start = seqs(database)[-1]
    insert_events(database, incident, 1000, "x" * 20000)
    for begin in (lambda: support.served(database.dsn), lambda: support.hosted(database.dsn, send_timeout=3600)):
        with begin() as another:
            lazy = another.lazy(start)
            support.wait_for(lambda: any("/events/stream" in line for line in another.log), "the stream to begin")
            assert another.stop() == 0
            lazy.close()
    forget(database, start)


def forget(database, start):
    database.run("DELETE FROM {schema}.anomaly_events WHERE seq > %s AND length(message) > 10000", start)


def test_a_stream_does_not_last_for_ever(server, database, incident):
    """So that rights which the application has taken away end with it; a client comes back where it was."""
    with support.hosted(database.dsn, stream_lifetime=1) as short:
        stream = short.stream()
        beginning = stream.beginning()
        assert stream.ended.wait(support.WAIT)
        last = happen(database, incident, 2)
        back = short.stream(last_event_id=beginning)
        assert read_until(back, last) == seqs(database, beginning)
        back.kill()


def test_more_streams_than_allowed(server, database, incident):
    with support.hosted(database.dsn, max_streams=2) as small:
        streams = [small.stream() for _ in range(2)]
        for stream in streams:
            stream.beginning()
        refused = small.stream()
        assert refused.status == 503
        assert refused.response.getheader("Retry-After")
        streams[0].kill()
        support.wait_for(lambda: inside(small)["subscribers"] == 1, "a stream to end")
        another = small.stream()
        assert another.status == 200
        for stream in (another, streams[1]):
            stream.kill()


def test_streams_leave_connections_to_requests(server, database, incident):
    with support.hosted(database.dsn, pool_max=4, pool_timeout=1, look_again=0.5) as small:
        streams = [small.stream() for _ in range(12)]
        for stream in streams:
            stream.beginning()
        with database.admin.transaction():
            database.run("LOCK TABLE {schema}.anomaly_events")
            support.wait_for(lambda: inside(small)["pool"]["pool_available"] <= 2, "the streams to wait")
            for _ in range(20):
                assert small.get("/sources").status_code == 200
                time.sleep(0.1)
        last = happen(database, incident)
        for stream in streams:
            assert stream.next_event()["seq"] == last
            stream.kill()


def test_many_notifications_wake_seldom(server, database, incident):
    with support.hosted(database.dsn, heartbeat=3600, look_again=3600) as patient:
        support.wait_for(lambda: len(listener(database)) == 2, "the listener")
        stream = patient.stream()
        stream.beginning()
        before, start = inside(patient)["pool"]["requests_num"], time.monotonic()
        for _ in range(60):
            database.run("NOTIFY anomaly_insights")
            time.sleep(0.01)
        assert stream_reads(patient, before) <= (time.monotonic() - start) / 0.1 + 3
        last = happen(database, incident)
        assert stream.next_event()["seq"] == last
        stream.kill()


def stream_reads(server, before):
    return inside(server)["pool"]["requests_num"] - before


def test_a_notification_that_is_no_text():
    """Anybody may send one, in a database without an encoding."""
    with support.database(encoding="SQL_ASCII") as plain:
        plain.insert(support.failing("acme", "https://a.test"))
        incident = support.open_incidents(plain, 1)[0]
        with support.hosted(plain.dsn, heartbeat=3600, look_again=3600) as patient:
            (before,) = support.wait_for(lambda: listener(plain), "the listener")
            stream = patient.stream()
            stream.beginning()
            plain.run("DO $$ BEGIN EXECUTE $x$NOTIFY anomaly_insights, E'\\xff'$x$; END $$")
            support.wait_for(lambda: listener(plain) not in ([], [before]), "another listener")
            last = happen(plain, incident)
            assert read_until(stream, last)
            stream.kill()


def test_the_end_of_the_server(server, database, incident):
    """It ends although clients are connected, as the package's own server and as somebody else's."""
    for start in (lambda: support.served(database.dsn), lambda: support.hosted(database.dsn)):
        with start() as another:
            stream = another.stream()
            stream.beginning()
            assert another.stop() == 0
            assert stream.ended.wait(support.WAIT)
    support.wait_for(lambda: len(listener(database)) == 1, "their listeners to go")


def test_a_heartbeat(server, database, incident):
    """Where nothing happens, a comment comes."""
    stream = server.stream()
    stream.beginning()
    while True:
        frame = stream.next_frame()
        if "comment" in frame:
            break
    assert frame == {"comment": "heartbeat"}
    stream.kill()


def test_the_application_starts_as_before(server):
    assert server.http.get("/calls").json() == ["startup"]
