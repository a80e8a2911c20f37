import { Database } from './Database';
import { DATABASE_NAME } from './fixtures';
import { psql } from './psql';

/** One database for all tests. Its deliveries are within 20 hours, so that a report of 24 has all of them at any time. */
export default function globalSetup() {
  const database = new Database(DATABASE_NAME);
  database.drop();
  Database.create(DATABASE_NAME, { rows: 30_000, hours: 20, incidents: false });
  // After the sample nothing is delivered, which is no news here.
  psql('postgres', '-c', `ALTER DATABASE ${DATABASE_NAME} SET anomaly_insights.silence = off`);
  return () => database.drop();
}
