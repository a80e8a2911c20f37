"""The table of docs/incidents.md: every way of being blind has a state, a metric, an alert and a test. They exist."""
import re

import pytest
import yaml

from support import PROMETHEUS, ROOT

SECTION = (ROOT / "docs/incidents.md").read_text().split("\n## When nobody looks\n")[1].split("\n## ")[0]
COLUMNS = ["what", "state", "worker_state", "metric", "alert", "test"]
ROWS = [dict(zip(COLUMNS, map(str.strip, line.strip("|").split("|"))))
        for line in re.findall(r"^\|.*\|$", SECTION, re.MULTILINE)[2:]]
STATUS = (ROOT / "src/pg/status.cpp").read_text()
ALERTS = {rule["alert"]: rule for group in yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"]
          for rule in group["rules"]}


def word(cell):
    """The one word of a cell, without its quotes; None of an empty one."""
    return re.fullmatch(r"`([^`]+)`", cell)[1] if cell else None


def words_of(column):
    return {word(row[column]) for row in ROWS} - {None}


def states():
    body, = re.findall(r"^const char \*state_of\(.*?^}", STATUS, re.MULTILINE | re.DOTALL)
    return set(re.findall(r'"([a-z ]+)"', body))


def worker_states():
    body, = re.findall(r"^WorkerState worker_state\(\).*?^}", STATUS, re.MULTILINE | re.DOTALL)
    return set(re.findall(r'\{"([a-z ]+)", ', body))


def test_every_state_but_a_good_one_has_its_row():
    assert states() - {"ok"} == words_of("state")


def test_every_state_of_the_worker_but_a_good_one_has_its_row():
    """On a standby another server works."""
    assert worker_states() - {"running", "waiting", "recovery"} == words_of("worker_state")


def test_every_alert_but_those_of_incidents_has_its_row():
    assert set(ALERTS) - {"AnomalyInsightsCriticalIncident", "AnomalyInsightsWarningIncident"} == words_of("alert")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["what"])
def test_the_alert_looks_at_the_metric(row):
    assert re.search(rf"\b{word(row['metric'])}\b", ALERTS[word(row["alert"])]["expr"])


def test_our_metrics_are_documented():
    documented = set(re.findall(r"^\| `(\w+)` \|", (PROMETHEUS / "README.md").read_text(), re.MULTILINE))
    ours = {name for name in words_of("metric") if name.startswith("anomaly_insights_")}
    assert ours and ours <= documented


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["what"])
def test_the_test_is_there(row):
    path, name = re.fullmatch(r"`([^`]+)`: (.+)", row["test"]).groups()
    found = re.search(rf"(subtest|survives|def|name:) ?['\"]?{re.escape(name)}", (ROOT / path).read_text())
    assert found, f"{path} has no test {name}"
