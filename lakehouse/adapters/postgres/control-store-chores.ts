/**
 * Chores of the control store, in small transactions of their own beside the commits: books are folded, touched rows that
 * nobody lists any more become one for each day, and so do days that reruns made. They are due by the rows a process has appended; one process at a time does
 * them, and a chore that fails is done with the next one.
 */
import type { Database, Sql } from './database.ts'

export interface ChoreLimits {
  /** Rows one transaction folds or deletes at most; and as many appended rows make chores due. */
  readonly rows: number
  /** Transactions in a row, so that they never take all of the server. */
  readonly rounds: number
}

export const defaultChoreLimits: ChoreLimits = { rows: 20_000, rounds: 100 }

export interface Chores {
  /** After a commit that appended so many rows, or left so many to delete. */
  due(rows: number): void
  /** Waits for what is under way. */
  close(): Promise<void>
}

export function createChores(database: Database, change: Partial<ChoreLimits> = {}): Chores {
  const limits = { ...defaultChoreLimits, ...change }
  // What others have left is looked for with the first rows of ours.
  let owed = limits.rows
  let running: Promise<void> | undefined
  let closed = false

  async function run(): Promise<void> {
    for (let round = 0; round < limits.rounds && !closed; round++) {
      const done = await database.write(async (sql) => {
        const [mine] = await sql.rows('SELECT one FROM chores FOR UPDATE SKIP LOCKED')
        if (mine === undefined) return 0
        return Math.max(
          await foldBooks(sql, limits.rows),
          await deleteDiscarded(sql, limits.rows),
          await settleMade(sql, limits.rows),
        )
      })
      if (done < limits.rows) return
    }
  }

  return {
    due(rows) {
      owed += rows
      if (owed < limits.rows || running !== undefined || closed) return
      owed = 0
      running = run()
        // Unavailable now; they stay due.
        .catch(() => {
          owed = limits.rows
        })
        .finally(() => {
          running = undefined
        })
    },
    async close() {
      closed = true
      await running
    },
  }
}

/** Moves rows of the recent books into sums. A reader sees a count in one of the two, whatever moves meanwhile. */
async function foldBooks(sql: Sql, rows: number): Promise<number> {
  const [folded] = await sql.rows<{ taken: number }>(
    `WITH taken AS (
       DELETE FROM books_recent WHERE ctid = ANY (ARRAY(SELECT ctid FROM books_recent LIMIT $1))
       RETURNING merchant, hour, outcome, rule, hits
     ), summed AS (
       INSERT INTO books_folded AS f
       SELECT merchant, hour, outcome, rule, sum(hits)::int8 FROM taken GROUP BY merchant, hour, outcome, rule
       ON CONFLICT (merchant, hour, outcome, rule) DO UPDATE SET hits = f.hits + excluded.hits
     )
     SELECT count(*) AS taken FROM taken`,
    [rows],
  )
  return folded?.taken ?? 0
}

/** Touched rows of what is no longer listed go on as the newest version of their day; a reader sees them in one of the two. */
async function deleteDiscarded(sql: Sql, rows: number): Promise<number> {
  const [moved] = await sql.rows<{ deleted: number }>(
    `WITH gone AS (
       DELETE FROM touched WHERE ctid = ANY (ARRAY(
         SELECT t.ctid FROM discarded d JOIN touched t ON t.epoch = d.epoch LIMIT $1
       )) RETURNING epoch, merchant, day
     ), kept AS (
       INSERT INTO day_versions AS v
       SELECT g.merchant, g.day, max(d.version) FROM gone g JOIN discarded d ON d.epoch = g.epoch
       WHERE d.version IS NOT NULL GROUP BY g.merchant, g.day
       ON CONFLICT (merchant, day) DO UPDATE SET version = greatest(v.version, excluded.version)
     )
     SELECT count(*) AS deleted FROM gone`,
    [rows],
  )
  const deleted = moved?.deleted ?? 0
  if (deleted < rows) {
    await sql.run('DELETE FROM discarded d WHERE NOT EXISTS (SELECT FROM touched t WHERE t.epoch = d.epoch)')
  }
  return deleted
}

/**
 * Days that splits made go on as known days of no version once their rerun has answered, for changes of the map have the
 * version; those of a rerun that was cancelled before are nobody's.
 */
async function settleMade(sql: Sql, rows: number): Promise<number> {
  const [moved] = await sql.rows<{ settled: number }>(
    `WITH gone AS (
       DELETE FROM rerun_days WHERE ctid = ANY (ARRAY(
         SELECT d.ctid FROM reruns r JOIN rerun_days d ON d.rerun = r.id
         WHERE r.answer IS NOT NULL OR r.state = 'cancelled' LIMIT $1
       )) RETURNING rerun, merchant, day
     ), kept AS (
       INSERT INTO day_versions
       SELECT DISTINCT g.merchant, g.day, 0 FROM gone g JOIN reruns r ON r.id = g.rerun WHERE r.answer IS NOT NULL
       ON CONFLICT (merchant, day) DO NOTHING
     )
     SELECT count(*) AS settled FROM gone`,
    [rows],
  )
  return moved?.settled ?? 0
}
