"""A seeded fuzz of SQL calls, against the server that libpq's environment names, as a superuser that needs no password.

  SQLFUZZ_SEED      random by default; printed
  SQLFUZZ_SECONDS   120 by default
  SQLFUZZ_SESSIONS  4 by default
  SQLFUZZ_SLOWNESS  how many times slower than usual the server is, such as under valgrind: 1 by default
"""

import os
import random
import sys
import time
from dataclasses import dataclass

from changes import CHANGES, pairs
from functions import without_values
from report import Report
from session import Session
from values import HOSTILE, singles
from world import RELATIONS, World

ENCODINGS = ["UTF8", "EUC_JP"]
SCHEMAS = ["insights", "In sights 日本"]
OWN_SETTINGS = """
  SELECT name, vartype, coalesce(enumvals, ARRAY[min_val, max_val, boot_val, '-1', '0', 'x', 'on', '1e30'])
  FROM pg_settings WHERE name LIKE 'anomaly\\_insights.%' AND name NOT LIKE '%debug%' AND context IN ('user', 'superuser')
  ORDER BY name
"""


@dataclass
class Plan:
    seed: str
    seconds: float
    sessions: int
    slowness: float
    own_settings: list = None

    @property
    def timeout(self):  # statement_timeout, in ms
        return int(2000 * self.slowness)

    @property
    def patience(self):  # after which a statement is stuck, in s
        return 3 * self.timeout / 1000 + 10 * self.slowness

    @property
    def least_calls(self):
        return 1 if self.seconds < 60 or self.slowness > 1 else 20

    @property
    def rounds(self):
        return max(1, int(self.seconds / 30 / self.slowness))


def read_plan():
    get = os.environ.get
    return Plan(
        get("SQLFUZZ_SEED") or str(random.SystemRandom().randrange(10**9)),
        float(get("SQLFUZZ_SECONDS") or 120),
        int(get("SQLFUZZ_SESSIONS") or 4),
        float(get("SQLFUZZ_SLOWNESS") or 1),
    )


def conninfo():
    get = os.environ.get
    return f"host={get('PGHOST', '127.0.0.1')} port={get('PGPORT', '5432')} user={get('PGUSER', 'postgres')}"


def read_own_settings(world):
    quoted = [
        (name, ["'" + value.replace("'", "''") + "'" for value in values if value is not None])
        for name, _, values in world.admin.execute(OWN_SETTINGS).fetchall()
    ]
    assert quoted, "the extension has settings"
    return quoted


def storm(plan, world, report, rng, deadline):
    """The sessions at once, while what they break is mended and who is at work is cancelled now and then."""
    sessions = [Session(number, plan, world, report) for number in range(plan.sessions)]
    for session in sessions:
        session.start()
    while time.monotonic() < deadline and any(session.is_alive() for session in sessions):
        time.sleep(rng.random() * 0.1 * plan.slowness)
        disturb(plan, world, rng, sessions)
        for session in sessions:
            since = session.since
            if since is not None and time.monotonic() - since > 4 * plan.patience:
                report.broken(f"session {session.number} does not end its statement")
                return
    for session in sessions:
        session.over.set()
    for session in sessions:
        session.join(2 * plan.patience)
        if session.is_alive():
            report.broken(f"session {session.number} does not end")


def disturb(plan, world, rng, sessions):
    what = rng.random()
    if what < 0.7:
        pid = rng.choice(sessions).pid
        world.patiently(lambda: world.admin.execute("SELECT pg_cancel_backend(%s)", [pid]))
    elif what < 0.72:
        world.patiently(world.end_workers)
    else:
        relation = rng.choice(list(RELATIONS))
        world.patiently(lambda: world.mend(relation))


def main():
    plan = read_plan()
    print(f"SQLFUZZ_SEED={plan.seed} SQLFUZZ_SECONDS={plan.seconds:g}", flush=True)
    report, functions = Report(plan), []
    end = time.monotonic() + plan.seconds
    for number in range(plan.rounds):
        rng = random.Random(f"{plan.seed}/{number}")
        choice = 0 if plan.rounds == 1 else number
        world = World(conninfo(), number, ENCODINGS[choice % 2], SCHEMAS[choice // 2 % 2])
        try:
            world.create()
            plan.own_settings = read_own_settings(world)
            functions = world.functions
            lacking = without_values(functions, HOSTILE)
            if lacking:
                report.broken(f"there are no hostile values of the types {', '.join(lacking)}")
            world.singles = singles(functions)
            world.changes = pairs()
            rng.shuffle(world.singles)
            rng.shuffle(world.changes)
            quiet(plan, world, report)
            left = plan.rounds - number
            storm(plan, world, report, rng, time.monotonic() + (end - time.monotonic()) / left)
        finally:
            world.drop()
    report.finish(functions, CHANGES)
    print("sqlfuzz has come to its end")


def quiet(plan, world, report):
    """Before the storm, sane calls of each function until one is answered."""
    session = Session(-1, plan, world, report)
    session.connect()
    for function in world.functions:
        for _ in range(20 if function.answers else 0):
            session.execute(session.writer.sane_call(function))
            if report.has_answered(function):
                break
    session.settle()
    for missed in session.prove(world.functions[0]):
        report.broken(f"this is taken for no failure: {missed!r}")


if __name__ == "__main__":
    sys.exit(main())
