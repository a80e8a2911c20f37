"""The requests of each page of the dashboard, timed as a browser makes them: see bench/pages."""
import concurrent.futures
import datetime
import http.client
import statistics
import sys
import time
import urllib.parse

# What each page asks for, in order. Those of a stage are sent at once, when the stage before it has been answered.
ORDERS = "tenant=acme&endpoint=" + urllib.parse.quote("https://hooks.acme.example/orders", safe="")
FAILED = "status=failed&status=dead_letter"
WEEK_AGO = urllib.parse.quote((datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=7)).isoformat())


def insights(hours: int, interval: int) -> list:
    return [[f"/operator-insights/summary?hours={hours}"],
            [f"/operator-insights/compare?hours={hours}",
             f"/operator-insights/trends?hours={max(hours, 12)}&interval_hours={interval}",
             f"/operator-insights/replay-recommendations?hours={hours}"]]


PAGES = {
    "Deliveries": [["/deliveries?limit=50&hours=24"]],
    "Deliveries, failed": [[f"/deliveries?limit=50&hours=24&{FAILED}"]],
    "Deliveries, failed, of an endpoint": [[f"/deliveries?limit=50&hours=24&{FAILED}&{ORDERS}"]],
    "Deliveries, no time limit": [["/deliveries?limit=50"]],
    "Incidents": [["/incidents?status=active&limit=50", "/mutes?active=true"]],
    "Incident": [["/incidents/1", "/mutes?active=true"]],
    "Insights, 1 h": insights(1, 1),
    "Insights, 24 h": insights(24, 1),
    "Insights, 7 d": insights(168, 6),
    "Audit": [[f"/audit?limit=200&since={WEEK_AGO}", f"/audit/stats?since={WEEK_AGO}"]],
}
# What every page asks for first, and the banner and the header beside it. One of the six connections that a browser
# has to a server is that of the stream.
BEFORE = ["/me", "/sources"]
BESIDE = ["/incidents?status=active&limit=1000", "/status"]
CONNECTIONS = 5


class Client:
    def __init__(self, port: int):
        self.port = port
        self.idle = []
        self.pool = concurrent.futures.ThreadPoolExecutor(CONNECTIONS)

    def _connect(self) -> http.client.HTTPConnection:
        for _ in range(100):
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port)
                connection.connect()
                return connection
            except ConnectionRefusedError:
                time.sleep(0.1)
        raise SystemExit("the API did not start")

    def fetch(self, path: str) -> float:
        """When its last byte was there."""
        connection = self.idle.pop()
        connection.request("GET", "/api" + path, headers={"X-User-Roles": "admin"})
        response = connection.getresponse()
        body = response.read()
        if response.status != 200:
            raise RuntimeError(f"{path}: {response.status} {body.decode()}")
        self.idle.append(connection)
        return time.perf_counter()

    def load(self, stages: list) -> tuple:
        """Milliseconds until the first data of the page, and until all of it."""
        # Fresh ones for each page: the server closes those that were idle for some seconds.
        self.idle = [self._connect() for _ in range(CONNECTIONS)]
        began = time.perf_counter()
        for path in BEFORE:
            self.fetch(path)
        arrived = []
        for number, stage in enumerate(stages):
            sent = [self.pool.submit(self.fetch, path) for path in stage]
            beside = [self.pool.submit(self.fetch, path) for path in BESIDE] if number == 0 else []
            arrived += [request.result() for request in sent]
            for request in beside:
                request.result()
        return (arrived[0] - began) * 1000, (max(arrived) - began) * 1000


def main() -> None:
    client = Client(int(sys.argv[1]))
    times = {page: [] for page in PAGES}
    for stages in PAGES.values():
        client.load(stages)
    for _ in range(int(sys.argv[2])):
        for page, stages in PAGES.items():
            times[page].append(client.load(stages))
    print("| page | first data, ms | longest | all data, ms |\n|---|---|---|---|")
    for page, taken in times.items():
        first, whole = zip(*taken)
        print(f"| {page} | {statistics.median(first):.1f} | {max(first):.1f} | {statistics.median(whole):.1f} |")


main()
