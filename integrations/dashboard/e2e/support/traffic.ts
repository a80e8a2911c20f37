import { expect } from '@playwright/test';
import type { Database } from './Database';
import { quote } from './psql';

export interface Place {
  tenant: string;
  endpoint: string;
}

// Five a minute, in good times and bad: an outage is no surge of traffic.
const DELIVERIES_OF_AN_HOUR = 300;
const PACE = `i * interval '12 seconds'`;
// Longer than any outage here.
const BEFORE = `interval '5 minutes'`;

/** Each test has an endpoint of its own. */
export const placeOf = (name: string): Place => ({ tenant: `e2e-${name}`, endpoint: `https://${name}.example/hook` });

const insert = (
  { tenant, endpoint }: Place,
  status: string,
  label: string | null,
  error: string | null,
  created: string,
  count: number,
) => `
  INSERT INTO deliveries (id, tenant_id, event_type, target, status, triage_label, attempts, max_attempts, last_error,
    created_at, updated_at)
  SELECT gen_random_uuid(), ${quote(tenant)}, 'order.created', ${quote(endpoint)}, ${quote(status)},
    ${label ? quote(label) : 'NULL'}, 3, 5, ${error ? quote(error) : 'NULL'}, ${created}, ${created}
  FROM generate_series(1, ${count}) AS i`;

/** An hour of deliveries, and a few that failed before. */
export function healthyEndpoint(database: Database, place: Place, failures: number) {
  database.run(insert(place, 'delivered', null, null, `now() - ${BEFORE} - ${PACE}`, DELIVERIES_OF_AN_HOUR));
  const down = 'HTTP 503: service unavailable';
  database.run(
    insert(place, 'failed', 'transient_endpoint_down', down, `now() - interval '3 hours' - ${PACE}`, failures),
  );
}

/** Deliveries of some hours ago, within half a minute. */
function deliveredThen(database: Database, place: Place, hours: number, delivered: number, failures: number) {
  const then = `now() - interval '${hours} hours' - i * interval '0.1 seconds'`;
  database.run(insert(place, 'delivered', null, null, then, delivered));
  database.run(insert(place, 'failed', 'permanent_4xx', 'HTTP 410: gone', then, failures));
}

export const OLD = placeOf('old');

/** An endpoint that has been there for days: in each period that is reported, and in the one before. */
export function olderTraffic(database: Database) {
  deliveredThen(database, OLD, 5, 40, 20);
  deliveredThen(database, OLD, 30, 57, 3);
  deliveredThen(database, OLD, 72, 25, 8);
}

/** All that was delivered of late has failed. */
export function startOutage(database: Database, place: Place, failures = 15) {
  database.run(insert(place, 'failed', 'transient_endpoint_down', 'connection refused', `now() - ${PACE}`, failures));
}

/** Somebody evaluates: the worker where there is one, and this in any case. Returns the incident's number. */
export async function incidentOf(database: Database, { endpoint }: Place): Promise<number> {
  const open = `SELECT coalesce(max(id), 0) FROM insights.anomalies_active WHERE endpoint = ${quote(endpoint)}`;
  await expect
    .poll(() => {
      scan(database);
      return database.number(open);
    })
    .toBeGreaterThan(0);
  return database.number(open);
}

export const scan = (database: Database) => database.run('SELECT FROM insights.anomalies_scan()');

/** So that each test begins with none. */
export function resolveAll(database: Database) {
  database.run('SELECT insights.anomaly_resolve(id) FROM insights.anomalies_active');
}

export const activeCount = (database: Database) => database.number('SELECT count(*) FROM insights.anomalies_active');

export const auditCount = (database: Database) => database.number('SELECT count(*) FROM insights.operator_audit');
