"""The alert rules by themselves: promtool, and every rule has its test and its place in the README."""
import re

import yaml

from support import PROMETHEUS, program, run

RULES = [rule for group in yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"] for rule in group["rules"]]


def test_rules_are_valid():
    said = run(program("promtool"), "check", "rules", "--lint-fatal", str(PROMETHEUS / "alerts.yml"))
    assert f"SUCCESS: {len(RULES)} rules found" in said


def test_rules_do_what_their_tests_say():
    assert "SUCCESS" in run(program("promtool"), "test", "rules", str(PROMETHEUS / "alerts_test.yml"))


def test_every_rule_is_seen_to_fire():
    tests = yaml.safe_load((PROMETHEUS / "alerts_test.yml").read_text())["tests"]
    fired = {check["alertname"] for test in tests for check in test["alert_rule_test"] if check["exp_alerts"]}
    assert fired == {rule["alert"] for rule in RULES}


def test_readme_lists_every_rule():
    listed = re.findall(r"^\| `(AnomalyInsights\w+)`", (PROMETHEUS / "README.md").read_text(), re.MULTILINE)
    assert listed == [rule["alert"] for rule in RULES]


def test_every_rule_says_what_to_do():
    for rule in RULES:
        assert set(rule["annotations"]) == {"summary", "description", "action"}, rule["alert"]
