/**
 * Versions of (merchant, day)s in DuckDB. Raises are appended to `versions`, which readers' caches follow; the oldest are
 * forgotten there and go on in `day_versions` as the newest version of each day, for ever: whether a derived unit is right,
 * and what is to be derived, hangs on changes however old. A day may stand in `day_versions` more than once; its newest
 * row counts, and the others go when there are many.
 */
import type { EpochCommit } from '../../../core/ports/control-store.ts'
import { defaultMaxVersionRows } from '../../core/control/rules.ts'
import type { Session } from './control-store-session.ts'

/** What is left of `maxVersionRows` after pruning, so that pruning is rare. */
const keptAfterPruning = 0.8

/** Rows of `day_versions` after which those of one day become one; more where most of them are of different days. */
export const defaultFoldDaysAt = 100_000

/** Rows (merchant, day, version); of a day the newest counts. */
export const dayChanges = `(SELECT merchant, day, version FROM versions
  UNION ALL SELECT merchant, day, version FROM day_versions)`

export interface Versions {
  /** Inside a write: raises what was touched, each once, to `version`. Returns the newest commit whose raises are not listed. */
  record(version: number, touched: EpochCommit['touched'], floor: number): Promise<number>
  /** Inside a write: what splits of the rerun made is known from now on, and was changed by `version`. It is not listed. */
  recordMade(version: number, rerun: number): Promise<void>
}

export interface VersionLimits {
  readonly maxVersionRows?: number | undefined
  readonly foldDaysAt?: number | undefined
}

export async function createVersions(writer: Session, reader: Session, limits: VersionLimits = {}): Promise<Versions> {
  const { maxVersionRows = defaultMaxVersionRows, foldDaysAt = defaultFoldDaysAt } = limits
  const [counted] = await reader.read(() =>
    reader.rows('SELECT (SELECT count(*) FROM versions), (SELECT count(*) FROM day_versions)'),
  )
  let size = { listed: Number(counted?.[0]), days: Number(counted?.[1]), foldAt: foldDaysAt }

  /** Inside a write. Takes the oldest commits off the list, each commit whole. */
  async function prune(): Promise<{ readonly floor: number; readonly pruned: number; readonly days: number }> {
    const [cut] = await writer.rows(
      `SELECT max(version) FROM (
         SELECT version, sum(count(*)) OVER (ORDER BY version DESC) AS kept FROM versions GROUP BY version
       ) WHERE kept > $1`,
      [Math.floor(maxVersionRows * keptAfterPruning)],
    )
    const floor = Number(cut?.[0])
    const days = await writer.run(
      'INSERT INTO day_versions SELECT merchant, day, max(version) FROM versions WHERE version <= $1 GROUP BY merchant, day',
      [floor],
    )
    return { floor, days, pruned: await writer.run('DELETE FROM versions WHERE version <= $1', [floor]) }
  }

  /** Inside a write. Returns the rows left. */
  async function foldDays(): Promise<number> {
    await writer.run(
      `CREATE OR REPLACE TEMP TABLE folded_days AS
       SELECT merchant, day, max(version) AS version FROM day_versions GROUP BY merchant, day`,
    )
    await writer.run('DELETE FROM day_versions')
    const left = await writer.run('INSERT INTO day_versions FROM folded_days ORDER BY merchant, day')
    await writer.run('DROP TABLE folded_days')
    return left
  }

  /** Inside a write. */
  async function keepSize(after: typeof size): Promise<void> {
    let kept = after
    if (after.days > after.foldAt) {
      const left = await foldDays()
      kept = { ...after, days: left, foldAt: Math.max(foldDaysAt, 2 * left) }
    }
    writer.afterCommit(() => {
      size = kept
    })
  }

  return {
    async record(version, touched, floor) {
      await writer.append('versions', [
        { whole: touched.map(() => version) },
        { text: touched.map(({ merchant }) => merchant) },
        { whole: touched.map(({ day }) => day) },
      ])
      const after = { ...size, listed: size.listed + touched.length }
      if (after.listed <= maxVersionRows) {
        await keepSize(after)
        return floor
      }
      const { floor: cut, pruned, days } = await prune()
      await keepSize({ ...after, listed: after.listed - pruned, days: after.days + days })
      return cut
    },
    async recordMade(version, rerun) {
      const days = await writer.run(
        'INSERT INTO day_versions SELECT DISTINCT merchant, day, $1 FROM rerun_days WHERE rerun = $2',
        [version, rerun],
      )
      await writer.run('DELETE FROM rerun_days WHERE rerun = $1', [rerun])
      await keepSize({ ...size, days: size.days + days })
    },
  }
}
