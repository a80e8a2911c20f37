import { psql, quote } from './psql';

const REPOSITORY = new URL('../../../../', import.meta.url).pathname;

interface Sample {
  rows: number;
  hours: number;
  incidents: boolean;
}

/** A database with the extension, deliveries and the roles of the API. */
export class Database {
  constructor(readonly name: string) {}

  static create(name: string, sample: Sample): Database {
    psql('postgres', '-c', `CREATE DATABASE ${name}`);
    const database = new Database(name);
    database.run('CREATE SCHEMA insights; CREATE EXTENSION anomaly_insights SCHEMA insights');
    const { rows, hours, incidents } = sample;
    const variables = { rows, hours, incidents: incidents ? 'on' : 'off' };
    psql(
      name,
      ...Object.entries(variables).flatMap(([key, value]) => ['-v', `${key}=${value}`]),
      '-f',
      `${REPOSITORY}bench/generate.sql`,
    );
    database.run("SELECT insights.delivery_source_register('deliveries')");
    psql(name, '-f', `${REPOSITORY}integrations/command_center/roles.sql`);
    return database;
  }

  drop() {
    psql('postgres', '-c', `DROP DATABASE IF EXISTS ${this.name} WITH (FORCE)`);
  }

  run(sql: string): string {
    return psql(this.name, '-c', sql);
  }

  number(sql: string): number {
    return Number(this.run(sql));
  }

  json<T>(sql: string): T {
    return JSON.parse(this.run(sql)) as T;
  }

  /** Nobody gets in, and who is in is thrown out. */
  close() {
    psql('postgres', '-c', `ALTER DATABASE ${this.name} ALLOW_CONNECTIONS false`);
    psql(
      'postgres',
      '-c',
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = ${quote(this.name)}`,
    );
  }

  open() {
    psql('postgres', '-c', `ALTER DATABASE ${this.name} ALLOW_CONNECTIONS true`);
  }
}
