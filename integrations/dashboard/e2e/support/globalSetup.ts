import { Database } from './Database';
import { DATABASE_NAME } from './fixtures';
import { psql } from './psql';
import { olderTraffic } from './traffic';

/** One database for all tests. None of its deliveries is just about one, two or seven days old, so that the reports of
 * those periods have the same ones as long as the tests run. */
export default function globalSetup() {
  const database = new Database(DATABASE_NAME);
  database.drop();
  Database.create(DATABASE_NAME, { rows: 30_000, hours: 20, incidents: false });
  olderTraffic(database);
  // After the sample nothing is delivered, which is no news here.
  psql('postgres', '-c', `ALTER DATABASE ${DATABASE_NAME} SET anomaly_insights.silence = off`);
  return () => database.drop();
}
