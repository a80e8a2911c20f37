"""Every query of docs/bi.md, as the tool that it is for sends it, and its views."""
import datetime
import re

import pytest

from conftest import connect
from macros import expand
from support import ROOT, run

BLOCKS = re.findall(r"^```sql\n(.*?)^```", (ROOT / "docs/bi.md").read_text(), re.DOTALL | re.MULTILINE)
QUERIES = [block for block in BLOCKS if block.startswith("SELECT")]
VIEWS = [block for block in BLOCKS if block.startswith("CREATE") and "VIEW" in block]
# Numbers stand as they are, texts and dates are quoted; a field filter becomes a condition on its column.
METABASE = {
    "hours": "24", "order": "'impact'", "tenant": "'acme'", "since": "current_date", "until": "current_date + 1",
    "bucket": "'1 hour'", "detected": '"insights"."anomalies"."detected_at" >= now() - interval \'30 days\''}


def sent(query):
    if "$" in query:
        until = datetime.datetime.now(datetime.timezone.utc)
        return expand(query, {"endpoint": ""}, until - datetime.timedelta(days=1), until)
    return re.sub(r"\{\{(\w+)\}\}", lambda found: METABASE[found[1]], re.sub(r"\[\[|\]\]", "", query))


def test_none_is_missed():
    roles, = [block for block in BLOCKS if block.startswith("CREATE ROLE")]
    assert sorted([*QUERIES, *VIEWS, roles]) == sorted(BLOCKS)


@pytest.mark.parametrize("query", QUERIES)
def test_it_gives_rows(database, grafana_role, query):
    with connect(database, grafana_role) as role:
        assert role.execute(sent(query).encode()).fetchall()


@pytest.mark.parametrize("block", VIEWS)
def test_a_view_can_be_made(db, database, block):
    run("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", database, input=block)
    for kind, name in re.findall(r"CREATE (MATERIALIZED VIEW|VIEW) (\w+)", block):
        assert db.execute(f"SELECT count(*) > 0 FROM {name}").fetchone()[0]
        db.execute(f"DROP {kind} {name}")
