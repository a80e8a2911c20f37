"""What Grafana makes of a query before PostgreSQL gets it: the browser puts in variables, the server expands macros."""
import datetime
import re

# The lengths that Grafana rounds an interval to, and the first that is too long for each, in milliseconds.
LENGTHS = [("1m", 90_000), ("2m", 210_000), ("5m", 450_000), ("10m", 750_000), ("15m", 1_050_000), ("20m", 1_500_000),
           ("30m", 2_700_000), ("1h", 5_400_000), ("2h", 9_000_000), ("3h", 16_200_000), ("6h", 32_400_000),
           ("12h", 86_400_000), ("1d", 604_800_000)]


class All(str):
    """The value of "All" of a variable that has one of its own, which is put in as it stands."""


def interval(since, until, points):
    """$__interval, with a min interval of a minute."""
    wanted = (until - since) / datetime.timedelta(milliseconds=1) / points
    return next(length for length, limit in LENGTHS if wanted < limit)


def quoted_time(moment):
    return f"'{moment.astimezone(datetime.timezone.utc).strftime('%Y-%m-%dT%H:%M:%S.%f')[:-3]}Z'"


def formatted(value, style):
    if isinstance(value, All):
        return str(value)
    assert style == "sqlstring", f"{style} does not quote"
    return "'" + value.replace("'", "''") + "'"


def expand(sql, variables, since, until, points=1000, zone="utc"):
    sql = re.sub(r"\$\{(\w+):(\w+)\}", lambda found: formatted(variables[found[1]], found[2]), sql)
    sql = sql.replace("$__timezone", zone)
    start, end = quoted_time(since), quoted_time(until)
    macros = {"__timeFrom": lambda _: start, "__timeTo": lambda _: end,
              "__timeFilter": lambda column: f"{column} BETWEEN {start} AND {end}"}
    sql = re.sub(r"\$(__\w+)\(([^)]*)\)", lambda found: macros[found[1]](found[2]), sql)
    sql = sql.replace("$__interval", interval(since, until, points))
    assert "$" not in sql, sql
    return sql
