/**
 * Tables of the control store in PostgreSQL, as numbered steps that each run once, in order. Steps that were released are
 * never changed: a new one is added below.
 *
 * Commits are numbered by the row of `counters`, which a commit locks last and holds until it is durable, so that numbers
 * rise in the order in which commits become visible. Rows that grow with a commit are written before that lock under the
 * number of its `epoch`, drawn without waiting; `epochs` says which commit it became.
 */
import { ControlStoreOutcomeUnknownError, ControlStoreUnavailableError, StartError } from '../../../core/errors.ts'
import type { Database, Sql } from './database.ts'

export interface Migration {
  readonly name: string
  readonly statements: readonly string[]
}

export const migrations: readonly Migration[] = [
  {
    name: 'control store',
    statements: [
      `CREATE TABLE merchants (id text COLLATE "C" PRIMARY KEY, name text NOT NULL, time_zone text NOT NULL,
         currency text NOT NULL, blocked_names text[] NOT NULL, visitor_seed text NOT NULL)`,
      `CREATE TABLE keys (hash text COLLATE "C" PRIMARY KEY, merchant text COLLATE "C" REFERENCES merchants,
         kind text NOT NULL, rights text[] NOT NULL)`,
      'CREATE TABLE daily_secrets (date text COLLATE "C" PRIMARY KEY, secret text NOT NULL)',

      'CREATE TABLE jobs (job text COLLATE "C" PRIMARY KEY, fence int8 NOT NULL, owner text NOT NULL, source text NOT NULL)',
      // `next` is null until something was committed. `plan` is that of the last epoch.
      `CREATE TABLE partitions (job text COLLATE "C", source text COLLATE "C", part int8, fence int8 NOT NULL, plan text,
         next int8, checkpoint text, watermark int8, received int8, forwarded jsonb NOT NULL DEFAULT '{}',
         PRIMARY KEY (job, source, part)) WITH (fillfactor = 50)`,
      `CREATE TABLE counters (one bool PRIMARY KEY CHECK (one), last_commit int8 NOT NULL, versions_floor int8 NOT NULL,
         listed_rows int8 NOT NULL) WITH (fillfactor = 50)`,
      'INSERT INTO counters VALUES (true, 0, 0, 0)',
      'CREATE SEQUENCE epoch_numbers',
      // Of epochs whose files are not all published, or of whose positions the published ones are not yet past.
      `CREATE TABLE epochs (epoch int8 PRIMARY KEY, job text COLLATE "C" NOT NULL, commit int8 NOT NULL,
         touched_rows int8 NOT NULL)`,
      // Positions of those epochs, and of the newest one before them.
      `CREATE TABLE history (epoch int8, source text COLLATE "C", part int8, forwarded jsonb NOT NULL,
         PRIMARY KEY (epoch, source, part))`,
      `CREATE TABLE published (job text COLLATE "C", source text COLLATE "C", part int8, forwarded jsonb NOT NULL,
         PRIMARY KEY (job, source, part))`,

      `CREATE TABLE leases (name text COLLATE "C" PRIMARY KEY, fence int8 NOT NULL, owner text,
         expires timestamptz NOT NULL)`,
      `CREATE TABLE lake_tables (name text COLLATE "C" PRIMARY KEY, snapshot text,
         last_publication int8 NOT NULL DEFAULT 0)`,
      `CREATE TABLE pending_files (name text COLLATE "C" PRIMARY KEY, epoch int8 NOT NULL, place int8 NOT NULL,
         table_name text NOT NULL, row_count int8 NOT NULL, bytes int8 NOT NULL, first_day int8 NOT NULL,
         last_day int8 NOT NULL, publication int8)`,

      // The (merchant, day)s of an epoch, or merged of several, got the version by which `raises` names the epoch.
      'CREATE TABLE touched (epoch int8 NOT NULL, merchant text COLLATE "C" NOT NULL, day int8 NOT NULL)',
      'CREATE INDEX touched_epoch ON touched (epoch)',
      'CREATE TABLE raises (version int8, epoch int8, rows int8 NOT NULL, PRIMARY KEY (version, epoch))',
      // Epochs whose touched rows nobody reads any more, to be deleted a few at a time.
      'CREATE TABLE discarded (epoch int8 PRIMARY KEY)',

      `CREATE TABLE books_recent (merchant text COLLATE "C" NOT NULL, hour int8 NOT NULL, outcome text NOT NULL,
         rule text NOT NULL, hits int8 NOT NULL)`,
      `CREATE TABLE books_folded (merchant text COLLATE "C", hour int8, outcome text COLLATE "C", rule text COLLATE "C",
         hits int8 NOT NULL, PRIMARY KEY (merchant, hour, outcome, rule))`,
      'CREATE TABLE accepted_logs (log text COLLATE "C" PRIMARY KEY, through int8 NOT NULL)',
      `CREATE TABLE collectors (log text COLLATE "C" PRIMARY KEY, visible_through int8 NOT NULL, state text NOT NULL)`,
      // Whoever locks its row does the chores of the moment; the others leave them.
      'CREATE TABLE chores (one bool PRIMARY KEY CHECK (one))',
      'INSERT INTO chores VALUES (true)',
    ],
  },
  {
    name: 'keys say where, how often and what for',
    statements: [
      `ALTER TABLE keys ADD COLUMN origins text[] NOT NULL DEFAULT '{}', ADD COLUMN quota int8, ADD COLUMN tool text`,
    ],
  },
  {
    name: 'derived tables, rewrites and imports',
    statements: [
      // The newest version of days whose raises are no longer listed one by one, for ever. Days that an older Hitlake has
      // taken off the list are not known: they are computed on read until they change again.
      `CREATE TABLE day_versions (merchant text COLLATE "C", day int8, version int8 NOT NULL, PRIMARY KEY (merchant, day))`,
      'CREATE INDEX day_versions_newest ON day_versions (version)',
      'CREATE INDEX day_versions_by_day ON day_versions (day, merchant)',
      // The version by which the epoch was raised; null where another one was raised instead of it.
      'ALTER TABLE discarded ADD COLUMN version int8',
      // Of each epoch few merchants, of each merchant many epochs.
      'CREATE INDEX touched_merchant ON touched (merchant, day)',
      // Every change readers may see, until it is in `day_versions`: raised, no longer listed, moved there.
      `CREATE VIEW visible_changes AS
         SELECT t.merchant, t.day, r.version FROM touched t JOIN raises r ON r.epoch = t.epoch
         UNION ALL SELECT t.merchant, t.day, d.version FROM touched t JOIN discarded d ON d.epoch = t.epoch
           WHERE d.version IS NOT NULL
         UNION ALL SELECT merchant, day, version FROM day_versions`,
      'CREATE TABLE derivations (table_name text PRIMARY KEY, work text NOT NULL)',
      `CREATE TABLE derived_ranges (table_name text, merchant text COLLATE "C", starts int8, ends int8 NOT NULL,
         publish int8 NOT NULL, right_until int8 NOT NULL, PRIMARY KEY (table_name, merchant, starts))`,
      'CREATE TABLE derivation_marks (table_name text PRIMARY KEY, version int8 NOT NULL, day int8 NOT NULL)',
      `CREATE TABLE imports (merchant text COLLATE "C", file text COLLATE "C", done int8 NOT NULL, sending int8 NOT NULL,
         recorded_at int8 NOT NULL, PRIMARY KEY (merchant, file))`,
    ],
  },
  {
    name: 'pins of snapshots',
    statements: [
      `CREATE TABLE snapshot_pins (table_name text, name text COLLATE "C", snapshot text NOT NULL, until int8 NOT NULL,
         pinned_by text NOT NULL, PRIMARY KEY (table_name, name))`,
      'CREATE TABLE condemned_snapshots (table_name text PRIMARY KEY, snapshots text[] NOT NULL)',
    ],
  },
  {
    name: 'merchants say how long their hits are kept',
    statements: ['ALTER TABLE merchants ADD COLUMN retention_days int8'],
  },
  {
    name: 'erasures',
    statements: [
      `CREATE TABLE erasures (id int8 PRIMARY KEY, merchant text COLLATE "C" NOT NULL, kind text COLLATE "C" NOT NULL,
         value text COLLATE "C" NOT NULL, through int8 NOT NULL, state text NOT NULL, asked_at int8 NOT NULL,
         moved_at int8 NOT NULL, asked_by text NOT NULL, UNIQUE (merchant, kind, value))`,
    ],
  },
  {
    name: 'reruns',
    statements: [
      // JSON: the record without its notes, the notes, and where it stands in the map, null before it was promoted.
      `CREATE TABLE reruns (id int8 PRIMARY KEY, state text NOT NULL, record text NOT NULL, notes text NOT NULL,
         answer text)`,
      'CREATE TABLE rerun_splits (rerun int8, split text COLLATE "C", PRIMARY KEY (rerun, split))',
      // What splits made. Once the rerun has answered it goes on in `day_versions`, a few rows at a time.
      'CREATE TABLE rerun_days (rerun int8, merchant text COLLATE "C", day int8, PRIMARY KEY (rerun, merchant, day))',
      // The map, made of the reruns whenever it changes.
      `CREATE TABLE generation_changes (rerun int8 NOT NULL, sink text NOT NULL, generation int8 NOT NULL,
         merchant text COLLATE "C", starts int8, ends int8, answers bool NOT NULL, place int8 NOT NULL,
         version int8 NOT NULL)`,
      // Generations as JSON. A pipeline that is not there writes what it writes at first.
      `CREATE TABLE writing (pipeline text PRIMARY KEY, revision int8 NOT NULL, generations text NOT NULL)`,
    ],
  },
  {
    name: 'zones that merchants had',
    statements: [
      // JSON; null: none.
      'ALTER TABLE merchants ADD COLUMN former_zones text',
      'ALTER TABLE generation_changes ADD COLUMN zones_as_of int8',
    ],
  },
  {
    name: 'erasures are fenced',
    statements: [
      // The asking up to which it is fenced. Of those that were being carried out it is not known what epochs knew: they are
      // fenced anew.
      'ALTER TABLE erasures ADD COLUMN asking int8, ADD COLUMN fenced int8 NOT NULL DEFAULT 0',
      'UPDATE erasures SET asking = id',
      'ALTER TABLE erasures ALTER COLUMN asking SET NOT NULL',
      'CREATE INDEX erasures_asking ON erasures (asking)',
      'CREATE INDEX erasures_fenced ON erasures (fenced)',
      `CREATE TABLE dropped_days (epoch int8, merchant text COLLATE "C", day int8, erasures_known int8 NOT NULL,
         PRIMARY KEY (epoch, merchant, day))`,
    ],
  },
]

/**
 * Brings the database to the newest step of `steps`; of several processes at once one does it and the others wait.
 * @throws StartError where it has seen a step that this code does not know: a newer Hitlake wrote it;
 * ControlStoreUnavailableError, also where it may have happened: to ask again is right either way
 */
export async function migrate(database: Database, steps: readonly Migration[] = migrations): Promise<void> {
  if ((await stepsDone(database)) === steps.length) return
  await takeSteps(database, steps).catch((error: unknown) => {
    if (!(error instanceof ControlStoreOutcomeUnknownError)) throw error
    throw new ControlStoreUnavailableError('the connection broke as its tables were made', { cause: error })
  })
}

async function takeSteps(database: Database, steps: readonly Migration[]): Promise<void> {
  await database.write(async (sql) => {
    // One at a time in each schema. CREATE TABLE IF NOT EXISTS alone fails where two run it at once.
    await sql.run(`SELECT pg_advisory_xact_lock(hashtextextended('hitlake control store ' || current_schema(), 0))`)
    await sql.run('CREATE TABLE IF NOT EXISTS migrations (number int8 PRIMARY KEY, name text NOT NULL)')
    const done = await newest(sql)
    if (done > steps.length) {
      throw new StartError(
        `the control store is at step ${done}, this version knows ${steps.length}; start the newer version of Hitlake again`,
      )
    }
    for (const [index, step] of steps.entries()) {
      if (index < done) continue
      for (const statement of step.statements) await sql.run(statement)
      await sql.run('INSERT INTO migrations VALUES ($1, $2)', [index + 1, step.name])
    }
  })
}

/** Undefined where there is no control store yet. */
async function stepsDone(database: Database): Promise<number | undefined> {
  return database.read(async (sql) => {
    const [found] = await sql.rows<{ there: boolean }>(`SELECT to_regclass('migrations') IS NOT NULL AS there`)
    return found?.there ? newest(sql) : undefined
  })
}

async function newest(sql: Sql): Promise<number> {
  const [row] = await sql.rows<{ done: number }>('SELECT coalesce(max(number), 0) AS done FROM migrations')
  return row?.done ?? 0
}
