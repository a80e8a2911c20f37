"""A database with the sample of bench/generate.sql and its incidents, in the cluster that PGHOST and so on name.

The cluster has the library preloaded, with anomaly_insights.naptime and open_after of a second. Roles belong to the whole
cluster, so ours have names of their own, and what is made here is removed again.
"""
import contextlib
import os
import shlex
import uuid

import psycopg
import pytest
import yaml

import support
from support import GRAFANA, PROMETHEUS, ROOT

RUN = uuid.uuid4().hex[:8]


def connect(database, user=None):
    return psycopg.connect(dbname=database, user=user or os.environ["PGUSER"], autocommit=True)


@contextlib.contextmanager
def new_database(name, schema="insights"):
    """With the extension in that schema, for as long as the block runs."""
    with connect(os.environ["PGDATABASE"]) as admin:
        admin.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
        try:
            with connect(name) as owner:
                owner.execute(f'CREATE SCHEMA "{schema}"')
                owner.execute(f'CREATE EXTENSION anomaly_insights SCHEMA "{schema}"')
            yield name
        finally:
            admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def drop_role(role, database):
    with connect(database) as owner:
        owner.execute(f"DROP OWNED BY {role}")
        owner.execute(f"DROP ROLE {role}")


@pytest.fixture(scope="session")
def database():
    """The sample, with its three incidents open. It does not go on, which must neither end one nor begin another."""
    with new_database(f"metrics_{RUN}") as name:
        with connect(name) as owner:
            owner.execute(f"ALTER DATABASE {name} SET anomaly_insights.silence = off")
            owner.execute(f"ALTER DATABASE {name} SET anomaly_insights.resolve_after = '3h'")
        support.run("psql", "-X", "-q", "-d", name, "-v", "rows=250000", "-v", "incidents=on", "-f",
                    str(ROOT / "bench/generate.sql"))
        with connect(name) as owner:
            owner.execute("SELECT insights.delivery_source_register('deliveries')")
            support.wait_for("three incidents", lambda: owner.execute(
                "SELECT count(*) = 3 FROM insights.anomalies_active").fetchone()[0])
            owner.execute("SELECT insights.audit_record('test.made', n::text) FROM generate_series(1, 7) n")
        yield name


@pytest.fixture
def db(database):
    with connect(database) as owner:
        yield owner


@pytest.fixture(scope="session")
def exporter_role(database):
    role = f"metrics_exporter_{RUN}"
    support.documented_grants(PROMETHEUS / "README.md", database, schema="insights", role=role)
    yield role
    drop_role(role, database)


@pytest.fixture(scope="session")
def grafana_role(database):
    role = f"metrics_grafana_{RUN}"
    support.documented_grants(GRAFANA / "README.md", database, schema="insights", role=role, deliveries="deliveries")
    yield role
    drop_role(role, database)


def exporter_arguments(port):
    """The README's ARGS, with the queries where they are here and a port of our own."""
    setting = support.readme_block(PROMETHEUS / "README.md", "sh", "ARGS=")
    values = dict(word.split("=", 1) for word in shlex.split(setting))
    documented = "/etc/prometheus/anomaly_insights_queries.yaml"
    assert documented in values["ARGS"]
    arguments = values["ARGS"].replace(documented, str(PROMETHEUS / "queries.yaml")).split()
    return [*arguments, f"--web.listen-address=127.0.0.1:{port}"]


@pytest.fixture(scope="session")
def exporter(database, exporter_role, tmp_path_factory):
    """The exporter as that role; its address."""
    port = support.free_port()
    source = (f"user={exporter_role} host={os.environ['PGHOST']} port={os.environ['PGPORT']} dbname={database} "
              "sslmode=disable")
    env = {"PATH": os.environ["PATH"], "DATA_SOURCE_NAME": source}
    command = [support.program("prometheus-postgres-exporter"), *exporter_arguments(port)]
    address = f"127.0.0.1:{port}"
    with support.running(command, tmp_path_factory.mktemp("exporter"),
                         lambda: support.fetch(f"http://{address}/metrics"), env):
        yield address


def prometheus_configuration(target, rules):
    """The README's, but fast, with those rules and that exporter."""
    text = support.readme_block(PROMETHEUS / "README.md", "yaml", "scrape_configs:")
    configuration = yaml.safe_load(text)
    assert configuration["rule_files"] == ["/etc/prometheus/anomaly_insights_alerts.yml"]
    configuration["rule_files"] = [str(rules)]
    configuration["global"] = {"evaluation_interval": "1s"}
    job, = configuration["scrape_configs"]
    job["scrape_interval"] = "1s"
    job["static_configs"] = [{"targets": [target]}]
    return yaml.safe_dump(configuration)


@pytest.fixture(scope="session")
def prometheus(exporter, tmp_path_factory):
    """A Prometheus that scrapes the exporter each second; its URL."""
    folder = tmp_path_factory.mktemp("prometheus")
    port = support.free_port()
    url = f"http://127.0.0.1:{port}"
    rules = (PROMETHEUS / "alerts.yml").read_text()
    assert "keep_firing_for: 1m" in rules
    (folder / "alerts.yml").write_text(rules.replace("keep_firing_for: 1m", "keep_firing_for: 2s"))
    (folder / "prometheus.yml").write_text(prometheus_configuration(exporter, folder / "alerts.yml"))
    support.run(support.program("promtool"), "check", "config", str(folder / "prometheus.yml"))
    command = [support.program("prometheus"), f"--config.file={folder}/prometheus.yml",
               f"--storage.tsdb.path={folder}/data", f"--web.listen-address=127.0.0.1:{port}"]
    with support.running(command, folder, lambda: support.fetch(f"{url}/-/ready")):
        yield url
