#!/usr/bin/env python3
"""Writes dashboard.json, a Grafana dashboard of the PostgreSQL data source over the reports of anomaly_insights."""
import argparse
import json
import pathlib
import re

import queries

HERE = pathlib.Path(__file__).parent
DATA_SOURCE = {"type": "postgres", "uid": "${DS}"}
COLOURS = {"critical": "red", "warning": "orange", "acknowledged": "blue", "failures": "red", "failed": "red",
           "failure rate": "red", "dead letters": "dark-red", "success rate": "green", "pending": "yellow",
           "deliveries": "blue", "delivered of all": "green"}


def in_schema(sql, schema):
    """The query for an extension that lives in another schema than insights."""
    # PostgreSQL keeps extensions out of schemas whose names hold quotes.
    quoted = schema if re.fullmatch(r"[a-z_][a-z0-9_]*", schema) else f'"{schema}"'
    return re.sub(r"\binsights\.", lambda _: quoted + ".", sql)


def target(sql, kind):
    return {"refId": "A", "datasource": DATA_SOURCE, "editorMode": "code", "rawQuery": True, "format": kind,
            "rawSql": sql}


def override(field, **properties):
    return {"matcher": {"id": "byName", "options": field},
            "properties": [{"id": key, "value": value} for key, value in properties.items()]}


def colours(*fields):
    return [override(field, color={"mode": "fixed", "fixedColor": COLOURS[field]}) for field in fields]


def units(unit, *fields):
    return [override(field, unit=unit) for field in fields]


# As many as it has.
IMPACT = [override("impact", decimals=2)]


def panel(kind, title, description, sql, size, overrides=(), custom=None, options=None, form="table", unit="short"):
    width, height = size
    return {
        "type": kind, "title": title, "description": description, "datasource": DATA_SOURCE,
        "gridPos": {"w": width, "h": height}, "interval": "1m", "maxDataPoints": 1000,
        "targets": [target(sql, form)],
        "fieldConfig": {"defaults": {"unit": unit, "custom": custom or {}}, "overrides": list(overrides)},
        "options": options or {},
    }


def stat(title, description, sql, size, overrides):
    return panel("stat", title, description, sql, size, overrides, options={
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}, "colorMode": "value",
        "graphMode": "none", "textMode": "value_and_name", "orientation": "vertical"})


def series(title, description, sql, size, fields, unit="short", **custom):
    style = {"drawStyle": "line", "fillOpacity": 10, "lineWidth": 1, "showPoints": "never", **custom}
    made = panel("timeseries", title, description, sql, size, colours(*fields), style, form="time_series", unit=unit,
                 options={"legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
                          "tooltip": {"mode": "multi", "sort": "none"}})
    made["fieldConfig"]["defaults"]["min"] = 0
    return made


def table(title, description, sql, size, overrides=()):
    return panel("table", title, description, sql, size, overrides, {"align": "auto", "filterable": True},
                 {"showHeader": True, "cellHeight": "sm"})


def severity():
    """Red and orange in the column of that name."""
    mapping = {"type": "value", "options": {
        name: {"color": COLOURS[name], "index": index} for index, name in enumerate(("critical", "warning"))}}
    cell = {"type": "color-text"}
    return override("severity", mappings=[mapping], **{"custom.cellOptions": cell})


def pie(title, description, sql, size):
    return panel("piechart", title, description, sql, size, options={
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": True}, "pieType": "donut",
        "displayLabels": ["percent"],
        "legend": {"displayMode": "table", "placement": "right", "showLegend": True, "values": ["value", "percent"]}})


WHOLE_HOURS = "Of the range, rounded up to whole hours, at most a year of them."


def panels():
    return [
        stat("Unresolved incidents", "Now, whatever the range of the dashboard.", queries.UNRESOLVED, (8, 4),
             colours("critical", "warning", "acknowledged")),
        stat("Deliveries in this range", WHOLE_HOURS, queries.STATS, (16, 4),
             colours("deliveries", "failed", "dead letters", "pending")
             + units("percent", "success rate", "delivered of all")),
        table("Incidents", "Unresolved now, the gravest and oldest first.", queries.INCIDENTS, (24, 8), [severity()]),
        series("Deliveries", "The first and the last bucket count only what lies within the range.", queries.DELIVERIES,
               (12, 8), ("deliveries", "failures", "pending")),
        series("Success rate", "Delivered, in percent of those that settled; failures, in percent of all.", queries.RATES,
               (12, 8), ("success rate", "failure rate"), unit="percent"),
        series("Incidents over time", "Those that were unresolved at the time.", queries.OPEN_INCIDENTS, (10, 9),
               ("critical", "warning"), lineInterpolation="stepAfter"),
        table("What happened", "Transitions of incidents in this range, the newest first.", queries.EVENTS, (14, 9),
              [severity()]),
        table("Top failing endpoints", f"By impact: how many more failed than at the overall rate. {WHOLE_HOURS}",
              queries.ENDPOINTS, (12, 9), units("percent", "failure rate") + IMPACT),
        table("Top failing tenants", f"By impact: how many more failed than at the overall rate. {WHOLE_HOURS}",
              queries.TENANTS_FAILING, (12, 9), units("percent", "failure rate") + IMPACT),
        pie("Triage", f"Why deliveries failed, those that succeeded later included. {WHOLE_HOURS}", queries.TRIAGE, (8, 9)),
        table("Compared with the time before", "The range and the same time before it; then the endpoints that got worse "
              f"or better. {WHOLE_HOURS}", queries.COMPARISON, (16, 9), IMPACT),
        table("Evaluation", "How the worker's last runs went, for all sources.", queries.STATUS, (24, 6),
              units("s", "last success", "duration")),
    ]


def placed(items):
    """In rows of 24 columns, with numbers."""
    x = y = height = 0
    for number, item in enumerate(items, 1):
        place = item["gridPos"]
        if x + place["w"] > 24:
            x, y, height = 0, y + height, 0
        item["id"] = number
        place.update(x=x, y=y)
        x, height = x + place["w"], max(height, place["h"])
    return items


def query_variable(name, label, sql, refresh, **more):
    return {"type": "query", "name": name, "label": label, "datasource": DATA_SOURCE, "query": sql, "definition": sql,
            "refresh": refresh, "sort": 0, "multi": False, "includeAll": False, "hide": 0, "regex": "", "options": [],
            "current": {}, **more}


def variables():
    return [
        {"type": "datasource", "name": "DS", "label": "data source", "query": "postgres", "refresh": 1, "regex": "",
         "multi": False, "includeAll": False, "hide": 0, "options": [], "current": {}},
        query_variable("source", "source", queries.SOURCES, refresh=1),
        query_variable("tenant", "tenant", queries.TENANTS, refresh=1, includeAll=True, allValue="NULL",
                       current={"text": "All", "value": "$__all"}),
    ]


def annotations():
    return [
        {"name": "Annotations & Alerts", "type": "dashboard", "builtIn": 1, "enable": True, "hide": True,
         "iconColor": "rgba(0, 211, 255, 1)", "datasource": {"type": "grafana", "uid": "-- Grafana --"}},
        {"name": "Incidents", "enable": True, "hide": False, "iconColor": "red", "datasource": DATA_SOURCE,
         "target": {**target(queries.INCIDENT_SPANS, "table"), "refId": "Anno"}},
    ]


def dashboard():
    return {
        "uid": "anomaly-insights", "title": "Deliveries and incidents", "tags": ["anomaly_insights"],
        "description": "Incidents and reports of the PostgreSQL extension anomaly_insights.",
        "schemaVersion": 42, "version": 1, "editable": True, "graphTooltip": 1, "fiscalYearStartMonth": 0,
        "liveNow": False, "weekStart": "", "timezone": "browser", "refresh": "1m", "links": [],
        "time": {"from": "now-24h", "to": "now"}, "timepicker": {"refresh_intervals": ["30s", "1m", "5m", "15m", "1h"]},
        "templating": {"list": variables()}, "annotations": {"list": annotations()}, "panels": placed(panels()),
    }


def moved(value, schema):
    """The same, with every query in that schema."""
    if isinstance(value, dict):
        return {key: in_schema(item, schema) if key in ("rawSql", "query", "definition") else moved(item, schema)
                for key, item in value.items()}
    return [moved(item, schema) for item in value] if isinstance(value, list) else value


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--schema", default="insights", help="where the extension is (insights)")
    parser.add_argument("--output", type=pathlib.Path, default=HERE / "dashboard.json",
                        help="the file to write (dashboard.json beside this one)")
    arguments = parser.parse_args()
    text = json.dumps(moved(dashboard(), arguments.schema), indent=2, ensure_ascii=False)
    arguments.output.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
