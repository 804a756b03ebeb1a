/** Erasures in PostgreSQL. Recording locks the table against other recordings: it is rare, ids rise, and none is drawn twice. */
import type { MerchantId } from '../../../core/ids.ts'
import type { ClusterStore } from '../../../core/ports/cluster-store.ts'
import type { EpochCommit } from '../../../core/ports/control-store.ts'
import {
  type DroppedDay,
  type Erasure,
  type ErasureStore,
  type ErasureSubject,
  openErasuresPerMerchantMax,
} from '../../../core/ports/erasure-store.ts'
import {
  checkDroppedDaysPage,
  checkErased,
  checkErasuresPage,
  checkFenced,
  checkTouchedDays,
  droppedDaysOf,
  erasedByMerchant,
  type FencedErasure,
} from '../../core/control/erasures.ts'
import type { Chores } from './control-store-chores.ts'
import type { Versions } from './control-store-versions.ts'
import type { Database, Sql } from './database.ts'

const columns =
  'id, merchant, kind, value, through, state, asked_at AS "askedAt", moved_at AS "movedAt", asked_by AS by, asking'

/**
 * Held by what counts only while no erasure is fenced that it does not know of, shared, and by whoever fences. Not a row: as
 * `writingLock`.
 */
const fenceLock = `hashtextextended('hitlake erasures ' || current_schema(), 0)`

/** A merchant's erasure has the empty value. */
type ErasureRow = Omit<Erasure, 'subject'> & { readonly kind: ErasureSubject['kind']; readonly value: string }

export function erasures(
  database: Database,
  versions: Versions,
  chores: Chores,
): ErasureStore & Pick<ClusterStore, 'newestFenced'> {
  return {
    async eraseHits({ merchant, subject, through, by, now }) {
      checkErased({ merchant, subject, through })
      const value = subject.kind === 'merchant' ? '' : subject.value
      return database.write(async (sql) => {
        await sql.run('LOCK TABLE erasures IN SHARE ROW EXCLUSIVE MODE')
        const [may] = await sql.rows<{ there: boolean; others: number }>(
          `SELECT EXISTS (SELECT FROM merchants WHERE id = $1) AS there,
             (SELECT count(*) FROM erasures WHERE merchant = $1 AND state <> 'removed' AND NOT (kind = $2 AND value = $3))
               AS others`,
          [merchant, subject.kind, value],
        )
        if (may === undefined || !may.there || may.others >= openErasuresPerMerchantMax) return null
        const [asked] = await sql.rows<ErasureRow>(
          `INSERT INTO erasures AS e
           SELECT coalesce(max(id), 0) + 1, $1, $2, $3, $4::int8, 'asked', $5::int8, $5::int8, $6,
             coalesce(max(asking), 0) + 1, 0 FROM erasures
           ON CONFLICT (merchant, kind, value) DO UPDATE SET through = greatest(e.through, excluded.through),
             state = 'asked', asked_at = excluded.asked_at, moved_at = excluded.moved_at, asked_by = excluded.asked_by,
             asking = CASE WHEN excluded.through > e.through THEN excluded.asking ELSE e.asking END
           RETURNING ${columns}`,
          [merchant, subject.kind, value, through, now, by],
        )
        return toErasure(asked as ErasureRow)
      })
    },
    async erasure(id) {
      const [row] = await database.ask<ErasureRow>(`SELECT ${columns} FROM erasures WHERE id = $1`, [id])
      return row && toErasure(row)
    },
    async erasures({ merchant = null, state, after = 0, limit }) {
      checkErasuresPage(limit)
      const open = state === undefined ? '' : `AND state <> 'removed'`
      const rows = await database.ask<ErasureRow>(
        `SELECT ${columns} FROM erasures WHERE id > $1 AND ($2::text IS NULL OR merchant = $2) ${open} ORDER BY id LIMIT $3`,
        [after, merchant, limit],
      )
      return rows.map(toErasure)
    },
    async erasedOf(merchants, state) {
      const open = state === undefined ? '' : `AND state <> 'removed'`
      const rows = await database.ask<ErasureRow>(
        `SELECT ${columns} FROM erasures WHERE merchant = ANY ($1::text[]) ${open} ORDER BY id`,
        [merchants],
      )
      return erasedByMerchant(rows.map(toErasure))
    },
    async touchDays(merchant, days) {
      checkTouchedDays(days)
      if (days.length === 0) return
      const touched = days.map((day) => ({ merchant, day }))
      chores.due(await database.write((sql) => versions.rewrite(sql, touched)))
    },
    async erasuresAsked() {
      const [row] = await database.ask<{ newest: number }>('SELECT coalesce(max(asking), 0) AS newest FROM erasures')
      return row?.newest ?? 0
    },
    async fenceErasures(fenced) {
      checkFenced(fenced)
      if (fenced.length === 0) return new Set()
      const named = [fenced.map(({ id }) => id), fenced.map(({ through }) => through)]
      return database.write(async (sql) => {
        // Once no epoch is under way, nor begins until the transaction ends.
        await sql.run(`SELECT pg_advisory_xact_lock(${fenceLock})`)
        const rows = await sql.rows<{ id: number }>(
          `UPDATE erasures e SET fenced = e.asking FROM unnest($1::int8[], $2::int8[]) AS n (id, through)
           WHERE n.id = e.id AND n.through = e.through RETURNING e.id`,
          named,
        )
        return new Set(rows.map(({ id }) => id))
      })
    },
    async newestFenced() {
      const [row] = await database.ask<{ newest: number }>('SELECT coalesce(max(fenced), 0) AS newest FROM erasures')
      return row?.newest ?? 0
    },
    async droppedDays({ after = { epoch: 0, merchant: '', day: 0 }, limit }) {
      checkDroppedDaysPage(limit)
      return database.ask<DroppedDay>(
        `SELECT merchant, day, epoch, erasures_known AS "erasuresKnown" FROM dropped_days
         WHERE (epoch, merchant, day) > ($1, $2, $3) ORDER BY epoch, merchant, day LIMIT $4`,
        [after.epoch, after.merchant, after.day, limit],
      )
    },
    async forgetDroppedDays(days) {
      if (days.length === 0) return
      checkDroppedDaysPage(days.length)
      await database.write((sql) =>
        sql.run(
          `DELETE FROM dropped_days d USING unnest($1::int8[], $2::text[], $3::int8[]) AS n (epoch, merchant, day)
           WHERE d.epoch = n.epoch AND d.merchant = n.merchant AND d.day = n.day`,
          [days.map(({ epoch }) => epoch), days.map(({ merchant }) => merchant), days.map(({ day }) => day)],
        ),
      )
    },
    async moveErasure(id, { from, to, through, now }) {
      const moved = await database.write((sql) =>
        sql.run('UPDATE erasures SET state = $3, moved_at = $5 WHERE id = $1 AND state = $2 AND through = $4', [
          id,
          from,
          to,
          through,
          now,
        ]),
      )
      return moved > 0
    },
  }
}

/** No erasure is fenced from here until the transaction ends. Those that are, up to a later asking. */
export async function fencedAfter(sql: Sql, asking: number | undefined): Promise<readonly FencedErasure[]> {
  if (asking === undefined) return []
  await sql.run(`SELECT pg_advisory_xact_lock_shared(${fenceLock})`)
  return sql.rows<FencedErasure>('SELECT merchant, fenced FROM erasures WHERE fenced > $1', [asking])
}

export async function recordDroppedDays(sql: Sql, epoch: number, commit: EpochCommit): Promise<void> {
  const days = droppedDaysOf(commit)
  if (days.length === 0) return
  await sql.run(
    `INSERT INTO dropped_days SELECT $1::int8, merchant, day, $4::int8 FROM unnest($2::text[], $3::int8[]) AS u (merchant, day)`,
    [epoch, days.map(({ merchant }) => merchant), days.map(({ day }) => day), commit.erasuresKnown ?? 0],
  )
}

export function toErasure({ kind, value, merchant, ...row }: ErasureRow): Erasure {
  return { ...row, merchant: merchant as MerchantId, subject: kind === 'merchant' ? { kind } : { kind, value } }
}
