"""The first request of each page of the dashboard, timed by a client that keeps its connection: see bench/pages."""
import http.client
import statistics
import sys
import time

PAGES = {
    "Deliveries, all": "/deliveries?limit=50",
    "Deliveries, failed ones of 24 h": "/deliveries?limit=50&hours=24&status=failed&status=dead_letter",
    "Deliveries, failed ones of an endpoint": "/deliveries?limit=50&hours=24&status=failed&status=dead_letter"
    "&tenant=acme&endpoint=https://hooks.acme.example/orders",
    "Incidents": "/incidents?status=active&limit=50",
    "Incident": "/incidents/1",
    "Insights, 1 h": "/operator-insights/summary?hours=1",
    "Insights, 24 h": "/operator-insights/summary?hours=24",
    "Insights, 7 d": "/operator-insights/summary?hours=168",
    "Trends, 24 h": "/operator-insights/trends?hours=24&interval_hours=1",
    "Comparison, 24 h": "/operator-insights/compare?hours=24",
    "Audit": "/audit?limit=100",
}


def connect(port: int) -> http.client.HTTPConnection:
    for _ in range(100):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port)
            connection.connect()
            return connection
        except ConnectionRefusedError:
            time.sleep(0.1)
    raise SystemExit("the API did not start")


def fetch(connection: http.client.HTTPConnection, path: str) -> float:
    """Milliseconds until the last byte."""
    began = time.perf_counter()
    connection.request("GET", "/api" + path, headers={"X-User-Roles": "admin"})
    response = connection.getresponse()
    body = response.read()
    if response.status != 200:
        raise SystemExit(f"{path}: {response.status} {body.decode()}")
    return (time.perf_counter() - began) * 1000


def main() -> None:
    connection = connect(int(sys.argv[1]))
    times = {page: [] for page in PAGES}
    for path in PAGES.values():
        fetch(connection, path)
    for _ in range(int(sys.argv[2])):
        for page, path in PAGES.items():
            times[page].append(fetch(connection, path))
    print("| page | median, ms | longest, ms |\n|---|---|---|")
    for page, taken in times.items():
        print(f"| {page} | {statistics.median(taken):.1f} | {max(taken):.1f} |")


main()
