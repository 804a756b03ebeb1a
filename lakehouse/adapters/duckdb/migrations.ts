/**
 * Tables of the control store in DuckDB, as numbered steps that each run once, in order, each in a transaction with its
 * own record. Steps that were released are never changed: a new one is added below.
 *
 * Tables that every epoch touches have no index: there is one writer, they are small, and an index in DuckDB makes every
 * update a delete and an insert. Append-only tables (`versions`, `books_recent`) are pruned from their old end.
 */
import { StartError } from '../../../core/errors.ts'
import type { Session } from './control-store-session.ts'

export interface Migration {
  readonly name: string
  readonly statements: readonly string[]
}

export const migrations: readonly Migration[] = [
  {
    name: 'control store',
    statements: [
      `CREATE TABLE merchants (id VARCHAR PRIMARY KEY, name VARCHAR NOT NULL, time_zone VARCHAR NOT NULL,
         currency VARCHAR NOT NULL, blocked_names VARCHAR NOT NULL, visitor_seed VARCHAR NOT NULL)`,
      'CREATE TABLE keys (hash VARCHAR PRIMARY KEY, merchant VARCHAR, kind VARCHAR NOT NULL, rights VARCHAR NOT NULL)',
      'CREATE TABLE daily_secrets (date VARCHAR NOT NULL, secret VARCHAR NOT NULL)',
      `CREATE TABLE jobs (job VARCHAR NOT NULL, fence BIGINT NOT NULL, owner VARCHAR NOT NULL, source VARCHAR NOT NULL,
         plan VARCHAR)`,
      `CREATE TABLE positions (job VARCHAR NOT NULL, source VARCHAR NOT NULL, part BIGINT NOT NULL, next BIGINT NOT NULL,
         checkpoint VARCHAR, watermark BIGINT, received BIGINT)`,
      'CREATE TABLE leases (name VARCHAR NOT NULL, fence BIGINT NOT NULL, owner VARCHAR, expires BIGINT NOT NULL)',
      'CREATE TABLE lake_tables (name VARCHAR NOT NULL, snapshot VARCHAR, last_publication BIGINT NOT NULL)',
      `CREATE TABLE pending_files (number BIGINT NOT NULL, table_name VARCHAR NOT NULL, name VARCHAR NOT NULL,
         row_count BIGINT NOT NULL, bytes BIGINT NOT NULL, first_day BIGINT NOT NULL, last_day BIGINT NOT NULL,
         publication BIGINT)`,
      'CREATE TABLE counters (last_commit BIGINT NOT NULL, versions_floor BIGINT NOT NULL, last_file BIGINT NOT NULL)',
      'INSERT INTO counters VALUES (0, 0, 0)',
      'CREATE TABLE versions (version BIGINT NOT NULL, merchant VARCHAR NOT NULL, day BIGINT NOT NULL)',
      `CREATE TABLE books_recent (merchant VARCHAR NOT NULL, hour BIGINT NOT NULL, outcome VARCHAR NOT NULL,
         rule VARCHAR NOT NULL, hits BIGINT NOT NULL)`,
      `CREATE TABLE books_folded (merchant VARCHAR NOT NULL, hour BIGINT NOT NULL, outcome VARCHAR NOT NULL,
         rule VARCHAR NOT NULL, hits BIGINT NOT NULL)`,
      'CREATE TABLE accepted_logs (log VARCHAR NOT NULL, through BIGINT NOT NULL)',
    ],
  },
  {
    name: 'partitions are taken singly',
    statements: [
      'CREATE TABLE stamps (job VARCHAR NOT NULL, source VARCHAR NOT NULL, part BIGINT NOT NULL, fence BIGINT NOT NULL)',
      'INSERT INTO stamps SELECT p.job, p.source, p.part, j.fence FROM positions p JOIN jobs j ON j.job = p.job',
      `ALTER TABLE positions ADD COLUMN forwarded VARCHAR DEFAULT '{}'`,
    ],
  },
  {
    name: 'keys say where, how often and what for',
    statements: [
      `ALTER TABLE keys ADD COLUMN origins VARCHAR DEFAULT '[]'`,
      'ALTER TABLE keys ADD COLUMN quota BIGINT',
      'ALTER TABLE keys ADD COLUMN tool VARCHAR',
    ],
  },
  {
    name: 'derived tables, rewrites and imports',
    statements: [
      // What left the list of versions goes on here. Days that an older Hitlake has taken off it are not known: they are
      // computed on read until they change again.
      'CREATE TABLE day_versions (merchant VARCHAR NOT NULL, day BIGINT NOT NULL, version BIGINT NOT NULL)',
      // The commit that a file came with. Of files committed before that was kept it is not known: as if by the first.
      'ALTER TABLE pending_files ADD COLUMN version BIGINT DEFAULT 1',
      'CREATE TABLE derivations (table_name VARCHAR NOT NULL, work VARCHAR NOT NULL)',
      `CREATE TABLE derived_ranges (table_name VARCHAR NOT NULL, merchant VARCHAR NOT NULL, starts BIGINT NOT NULL,
         ends BIGINT NOT NULL, publish BIGINT NOT NULL, right_until BIGINT NOT NULL)`,
      'CREATE TABLE derivation_marks (table_name VARCHAR NOT NULL, version BIGINT NOT NULL, day BIGINT NOT NULL)',
      `CREATE TABLE imports (merchant VARCHAR NOT NULL, file VARCHAR NOT NULL, done BIGINT NOT NULL,
         sending BIGINT NOT NULL, recorded_at BIGINT NOT NULL)`,
    ],
  },
  {
    name: 'pins of snapshots',
    statements: [
      `CREATE TABLE snapshot_pins (table_name VARCHAR NOT NULL, name VARCHAR NOT NULL, snapshot VARCHAR NOT NULL,
         until BIGINT NOT NULL, pinned_by VARCHAR NOT NULL)`,
      // Ids as JSON.
      'CREATE TABLE condemned_snapshots (table_name VARCHAR NOT NULL, snapshots VARCHAR NOT NULL)',
    ],
  },
  {
    name: 'merchants say how long their hits are kept',
    statements: ['ALTER TABLE merchants ADD COLUMN retention_days BIGINT'],
  },
  {
    name: 'erasures',
    statements: [
      `CREATE TABLE erasures (id BIGINT NOT NULL, merchant VARCHAR NOT NULL, kind VARCHAR NOT NULL, value VARCHAR NOT NULL,
         through BIGINT NOT NULL, state VARCHAR NOT NULL, asked_at BIGINT NOT NULL, moved_at BIGINT NOT NULL,
         asked_by VARCHAR NOT NULL)`,
    ],
  },
  {
    name: 'reruns',
    statements: [
      // JSON: the record without its notes, the notes, and where it stands in the map, null before it was promoted.
      `CREATE TABLE reruns (id BIGINT NOT NULL, pipeline VARCHAR NOT NULL, state VARCHAR NOT NULL, revision BIGINT NOT NULL,
         record VARCHAR NOT NULL, notes VARCHAR NOT NULL, answer VARCHAR)`,
      'CREATE TABLE rerun_splits (rerun BIGINT NOT NULL, split VARCHAR NOT NULL)',
      // What splits made, until it answers: then it goes on in `day_versions`.
      'CREATE TABLE rerun_days (rerun BIGINT NOT NULL, merchant VARCHAR NOT NULL, day BIGINT NOT NULL)',
      // The map, made of the reruns whenever it changes.
      `CREATE TABLE generation_changes (rerun BIGINT NOT NULL, sink VARCHAR NOT NULL, generation BIGINT NOT NULL,
         merchant VARCHAR, starts BIGINT, ends BIGINT, answers BIGINT NOT NULL, place BIGINT NOT NULL,
         version BIGINT NOT NULL)`,
      // Generations as JSON. A pipeline that is not there writes what it writes at first.
      `CREATE TABLE writing (pipeline VARCHAR NOT NULL, revision BIGINT NOT NULL, generations VARCHAR NOT NULL)`,
    ],
  },
  {
    name: 'zones that merchants had',
    statements: [
      // JSON; null: none.
      'ALTER TABLE merchants ADD COLUMN former_zones VARCHAR',
      'ALTER TABLE generation_changes ADD COLUMN zones_as_of BIGINT',
    ],
  },
  {
    name: 'erasures are fenced',
    statements: [
      // The asking up to which it is fenced. Of those that were being carried out it is not known what epochs knew: they are
      // fenced anew.
      'ALTER TABLE erasures ADD COLUMN asking BIGINT',
      'ALTER TABLE erasures ADD COLUMN fenced BIGINT DEFAULT 0',
      'UPDATE erasures SET asking = id',
      `CREATE TABLE dropped_days (epoch BIGINT NOT NULL, merchant VARCHAR NOT NULL, day BIGINT NOT NULL,
         erasures_known BIGINT NOT NULL)`,
    ],
  },
]

/**
 * Brings the database to the newest step of `steps`.
 * @throws StartError where it has seen a step that this code does not know: a newer Hitlake wrote it
 */
export async function migrate(session: Session, steps: readonly Migration[] = migrations): Promise<void> {
  await session.write(async () => {
    await session.run('CREATE TABLE IF NOT EXISTS migrations (number BIGINT NOT NULL, name VARCHAR NOT NULL)')
  })
  const [row] = await session.read(() => session.rows('SELECT coalesce(max(number), 0) FROM migrations'))
  const done = Number(row?.[0])
  if (done > steps.length) {
    throw new StartError(
      `the control store is at step ${done}, this version knows ${steps.length}; start the newer version of Hitlake again`,
    )
  }
  for (const [index, step] of steps.entries()) {
    if (index < done) continue
    await session.write(async () => {
      for (const statement of step.statements) await session.run(statement)
      await session.run('INSERT INTO migrations VALUES ($1, $2)', [index + 1, step.name])
    })
  }
}
