/** Erasures in PostgreSQL. Recording locks the table against other recordings: it is rare, ids rise, and none is drawn twice. */
import type { MerchantId } from '../../../core/ids.ts'
import {
  type Erasure,
  type ErasureStore,
  type ErasureSubject,
  openErasuresPerMerchantMax,
} from '../../../core/ports/erasure-store.ts'
import { checkErased, checkErasuresPage, checkTouchedDays, erasedByMerchant } from '../../core/control/erasures.ts'
import type { Chores } from './control-store-chores.ts'
import type { Versions } from './control-store-versions.ts'
import type { Database } from './database.ts'

const columns =
  'id, merchant, kind, value, through, state, asked_at AS "askedAt", moved_at AS "movedAt", asked_by AS by'

/** A merchant's erasure has the empty value. */
type ErasureRow = Omit<Erasure, 'subject'> & { readonly kind: ErasureSubject['kind']; readonly value: string }

export function erasures(database: Database, versions: Versions, chores: Chores): ErasureStore {
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
           SELECT coalesce(max(id), 0) + 1, $1, $2, $3, $4::int8, 'asked', $5::int8, $5::int8, $6 FROM erasures
           ON CONFLICT (merchant, kind, value) DO UPDATE SET through = greatest(e.through, excluded.through),
             state = 'asked', asked_at = excluded.asked_at, moved_at = excluded.moved_at, asked_by = excluded.asked_by
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

export function toErasure({ kind, value, merchant, ...row }: ErasureRow): Erasure {
  return { ...row, merchant: merchant as MerchantId, subject: kind === 'merchant' ? { kind } : { kind, value } }
}
