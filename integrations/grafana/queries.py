"""The SQL of the dashboard, written for the schema insights."""

# The range of the dashboard in whole hours, which is what the reports take.
HOURS = ("least(8760, ceil(extract(epoch FROM $__timeTo()::timestamptz - $__timeFrom()::timestamptz) / 3600))::int")
# The value of "All" is NULL, which Grafana puts in as it stands; any other is quoted.
OF_SOURCE = "source => ${source:sqlstring}, tenant => ${tenant:sqlstring}"
WINDOW = f"hours => {HOURS}, as_of => $__timeTo(), {OF_SOURCE}"
OF_INCIDENT = ("source = ${source:sqlstring}\n"
               "  AND (${tenant:sqlstring} IS NULL OR tenant_id = ${tenant:sqlstring})")
# Buckets begin where the clock of the dashboard's zone says.
SERIES = ("insights.operator_insights_series($__timeFrom(), $__timeTo(), '$__interval', '$__timezone',\n"
          f"  {OF_SOURCE})")

SOURCES = "SELECT name FROM insights.delivery_sources ORDER BY name"

TENANTS = """SELECT tenant_id
FROM insights.top_failing_tenants(hours => 24, max_rows => 1000, source => ${source:sqlstring})
WHERE tenant_id IS NOT NULL ORDER BY tenant_id"""

# From when to when an incident was unresolved, and how severe: one that was reopened was not there in between, and one
# that has escalated was a warning before.
SPANS = f"""SELECT began_at, ended_at, severity, event, message
  FROM (
    SELECT at AS began_at, lead(at, 1, 'infinity') OVER (PARTITION BY anomaly_id ORDER BY seq) AS ended_at,
      severity, event, message
    FROM insights.anomaly_events
    WHERE event IN ('opened', 'escalated', 'reopened', 'resolved') AND anomaly_id IN (
      SELECT id FROM insights.anomalies
      WHERE {OF_INCIDENT.replace(chr(10), chr(10) + 6 * ' ')}
        AND detected_at <= $__timeTo() AND coalesce(resolved_at, 'infinity') >= $__timeFrom())
  ) AS life
  WHERE event <> 'resolved' AND began_at <= $__timeTo() AND ended_at >= $__timeFrom()"""

INCIDENT_SPANS = f"""SELECT began_at AS time, least(ended_at, now()) AS timeend, message AS text,
  concat_ws(',', severity, event) AS tags
FROM (
  {SPANS}
) AS span
ORDER BY began_at DESC LIMIT 500"""

UNRESOLVED = f"""SELECT count(*) FILTER (WHERE severity = 'critical') AS critical,
  count(*) FILTER (WHERE severity = 'warning') AS warning,
  count(*) FILTER (WHERE status = 'acknowledged') AS acknowledged
FROM insights.anomalies_active
WHERE {OF_INCIDENT}"""

STATS = f"""SELECT total AS deliveries, failed, dead_letter AS "dead letters", pending,
  success_rate AS "success rate", CASE WHEN total > 0 THEN reference_success_rate END AS "delivered of all"
FROM insights.delivery_stats({WINDOW})"""

INCIDENTS = f"""SELECT id, severity, status, tenant_id AS tenant, endpoint, message, detected_at AS detected,
  last_seen_at AS "last seen", recent_count AS deliveries, recent_failures AS failures, acknowledged_by AS "looked after by",
  muted, flapping
FROM insights.anomalies_active
WHERE {OF_INCIDENT}
ORDER BY severity, detected_at LIMIT 500"""

DELIVERIES = f"""SELECT bucket_start AS time, total_deliveries AS deliveries, failures, pending
FROM {SERIES}
ORDER BY time"""

RATES = f"""SELECT bucket_start AS time,
  success_rate AS "success rate",
  CASE WHEN total_deliveries > 0 THEN failure_rate END AS "failure rate"
FROM {SERIES}
ORDER BY time"""

OPEN_INCIDENTS = f"""WITH span AS MATERIALIZED (
  {SPANS}
)
SELECT time, count(*) FILTER (WHERE severity = 'critical') AS critical,
  count(*) FILTER (WHERE severity = 'warning') AS warning
FROM generate_series($__timeFrom()::timestamptz, least($__timeTo(), now()), '$__interval') AS time
LEFT JOIN span ON began_at <= time AND time < ended_at
GROUP BY time ORDER BY time"""

EVENTS = f"""SELECT at, event, severity, tenant_id AS tenant, endpoint, message, anomaly_id AS incident,
  coalesce(actor, by_user) AS "by", note
FROM insights.anomaly_events
WHERE {OF_INCIDENT}
  AND $__timeFilter(at)
ORDER BY seq DESC LIMIT 200"""

ENDPOINTS = f"""SELECT endpoint, failures, total, failure_rate AS "failure rate", impact
FROM insights.top_failing_endpoints({WINDOW},
  max_rows => 20, order_by => 'impact')
WHERE failures > 0"""

TENANTS_FAILING = f"""SELECT tenant_id AS tenant, failures, total, failure_rate AS "failure rate", impact
FROM insights.top_failing_tenants({WINDOW},
  max_rows => 20, order_by => 'impact')
WHERE failures > 0"""

TRIAGE = f"""SELECT triage_label AS label, deliveries
FROM insights.triage_distribution({WINDOW})
WHERE triage_label <> 'unclassified'"""

COMPARISON = f"""SELECT coalesce(endpoint, scope) AS "of", figure, current_value AS now, previous_value AS before,
  change, impact, direction
FROM insights.insights_compare({WINDOW})"""

STATUS = """SELECT source, state, extract(epoch FROM now() - last_success)::float8 AS "last success",
  extract(epoch FROM duration)::float8 AS duration, deliveries, open_incidents AS unresolved,
  failures AS "failures in a row", last_error AS "last error", worker
FROM insights.anomaly_insights_status()
ORDER BY source"""
