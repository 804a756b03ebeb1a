/**
 * Versions of (merchant, day)s in PostgreSQL. Every raise takes a number of the same counter as commits, so that what a
 * reader has seen is always a number below what it has not. Where the lake's tables are all that readers read (`published`),
 * versions rise as an epoch's files are published, with each of them, and its (merchant, day)s are kept until the last;
 * an epoch without files changes no table, but its versions rise at once.
 */
import type { EpochCommit } from '../../../core/ports/control-store.ts'
import type { Visible } from '../../core/control/derived-ranges.ts'
import { distinctTouched } from '../../core/control/epoch-rows.ts'
import { defaultMaxVersionRows } from '../../core/control/rules.ts'
import type { Sql } from './database.ts'

/** What is left of `maxVersionRows` after pruning, so that pruning is rare. */
const keptAfterPruning = 0.8

export type Versions = ReturnType<typeof createVersions>

export function createVersions(visible: Visible, maxVersionRows = defaultMaxVersionRows) {
  /** Numbers a commit or a publication and raises what its epochs touched. From here on no other can be numbered. */
  async function raise(sql: Sql, epoch: number, rows: number): Promise<number> {
    const [counted] = await sql.rows<{ last: number; listed: number }>(
      `WITH counter AS (
         UPDATE counters SET last_commit = last_commit + 1, listed_rows = listed_rows + $2::int8
         RETURNING last_commit, listed_rows
       ), raised AS (
         INSERT INTO raises SELECT last_commit, $1::int8, $2::int8 FROM counter WHERE $2::int8 > 0
       )
       SELECT last_commit AS last, listed_rows AS listed FROM counter`,
      [epoch, rows],
    )
    const { last, listed } = counted as { last: number; listed: number }
    if (listed > maxVersionRows) await prune(sql)
    return last
  }

  /** Forgets the oldest raises, each number whole. */
  async function prune(sql: Sql): Promise<void> {
    await sql.run(
      `WITH cut AS (
         SELECT max(version) AS floor FROM (
           SELECT version, sum(sum(rows)) OVER (ORDER BY version DESC) AS kept FROM raises GROUP BY version
         ) AS by_version WHERE kept > $1::int8
       ), gone AS (
         DELETE FROM raises WHERE version <= (SELECT floor FROM cut) RETURNING epoch, rows, version
       ), left_over AS (
         INSERT INTO discarded SELECT epoch, max(version) FROM gone GROUP BY epoch
         ON CONFLICT (epoch) DO UPDATE SET version = excluded.version
       )
       UPDATE counters SET versions_floor = cut.floor, listed_rows = listed_rows - (SELECT sum(rows) FROM gone)
       FROM cut`,
      [Math.floor(maxVersionRows * keptAfterPruning)],
    )
  }

  /** Keeps the (merchant, day)s of an epoch, each once. Returns how many there are. */
  async function keep(sql: Sql, epoch: number, touched: EpochCommit['touched']): Promise<number> {
    const distinct = distinctTouched(touched)
    if (distinct.length > 0) {
      await sql.run('INSERT INTO touched SELECT $1::int8, * FROM unnest($2::text[], $3::int8[])', [
        epoch,
        distinct.map(({ merchant }) => merchant),
        distinct.map(({ day }) => day),
      ])
    }
    return distinct.length
  }

  return {
    keep,

    /** Numbers an epoch's commit, and raises its versions where it is time. No other commits until this transaction ends. */
    async commit(sql: Sql, epoch: number, rows: number, files: number): Promise<number> {
      const now = visible === 'committed' || files === 0
      return raise(sql, epoch, now ? rows : 0)
    },

    /**
     * Raises what these epochs touched, where it is time; returns how many rows that took. No other commits until this
     * transaction ends.
     */
    async publish(sql: Sql, epochs: readonly number[]): Promise<number> {
      if (visible === 'committed') {
        await sql.run('SELECT FROM counters FOR UPDATE')
        return 0
      }
      // Epochs of one publication have mostly touched the same.
      const [merged] = await sql.rows<{ epoch: number; rows: number }>(
        `WITH drawn AS (SELECT nextval('epoch_numbers') AS epoch), merged AS (
           INSERT INTO touched
           SELECT DISTINCT drawn.epoch, t.merchant, t.day FROM touched t, drawn WHERE t.epoch = ANY ($1::int8[])
           RETURNING 1
         )
         SELECT drawn.epoch, (SELECT count(*) FROM merged) AS rows FROM drawn`,
        [epochs],
      )
      const { epoch, rows } = merged as { epoch: number; rows: number }
      await raise(sql, epoch, rows)
      return rows
    },

    /** Raises what a rewrite changed, if anything; returns how many rows that took. As `commit` does, in every store at once. */
    async rewrite(sql: Sql, touched: EpochCommit['touched']): Promise<number> {
      if (touched.length === 0) return 0
      const [drawn] = await sql.rows<{ epoch: number }>(`SELECT nextval('epoch_numbers') AS epoch`)
      const epoch = drawn?.epoch ?? 0
      const rows = await keep(sql, epoch, touched)
      await raise(sql, epoch, rows)
      return rows
    },
  }
}
