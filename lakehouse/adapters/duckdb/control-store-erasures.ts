/** Erasures in DuckDB. The one writer makes two of the same subject come one after the other. */
import type { MerchantId } from '../../../core/ids.ts'
import {
  type ErasedHits,
  type Erasure,
  type ErasureState,
  type ErasureStore,
  type ErasureSubject,
  openErasuresPerMerchantMax,
} from '../../../core/ports/erasure-store.ts'
import { distinctTouched } from '../../core/control/epoch-rows.ts'
import { checkErased, checkErasuresPage, checkTouchedDays, erasedByMerchant } from '../../core/control/erasures.ts'
import type { Session, SqlRow } from './control-store-session.ts'
import type { Versions } from './control-store-versions.ts'

const columns = 'id, merchant, kind, value, through, state, asked_at, moved_at, asked_by'

export function erasures(writer: Session, reader: Session, versions: Versions): ErasureStore {
  async function chosen(session: Session, where: string, values: SqlRow): Promise<readonly Erasure[]> {
    return (await session.rows(`SELECT ${columns} FROM erasures ${where}`, values)).map(toErasure)
  }

  return {
    async eraseHits({ merchant, subject, through, by, now }) {
      checkErased({ merchant, subject, through })
      return writer.write(async () => {
        const [known] = await writer.rows('SELECT id FROM merchants WHERE id = $1', [merchant])
        if (known === undefined) return null
        const [kind, value] = kindAndValue(subject)
        const same = 'WHERE merchant = $1 AND kind = $2 AND value = $3'
        const [before] = await chosen(writer, same, [merchant, kind, value])
        const [counted] = await writer.rows(
          `SELECT count(*) FROM erasures WHERE merchant = $1 AND state <> 'removed' AND id <> $2`,
          [merchant, before?.id ?? 0],
        )
        if (Number(counted?.[0]) >= openErasuresPerMerchantMax) return null
        if (before === undefined) {
          await writer.run(
            `INSERT INTO erasures SELECT coalesce(max(id), 0) + 1, $1, $2, $3, $4, 'asked', $5, $5, $6 FROM erasures`,
            [merchant, kind, value, through, now, by],
          )
        } else {
          await writer.run(
            `UPDATE erasures SET through = greatest(through, $2), state = 'asked', asked_at = $3, moved_at = $3,
               asked_by = $4 WHERE id = $1`,
            [before.id, through, now, by],
          )
        }
        const [asked] = await chosen(writer, same, [merchant, kind, value])
        return asked as Erasure
      })
    },
    erasure: (id) => reader.read(async () => (await chosen(reader, 'WHERE id = $1', [id]))[0]),
    async erasures({ merchant = null, state, after = 0, limit }) {
      checkErasuresPage(limit)
      const open = state === undefined ? '' : `AND state <> 'removed'`
      return reader.read(() =>
        chosen(reader, `WHERE id > $1 AND ($2 IS NULL OR merchant = $2) ${open} ORDER BY id LIMIT $3`, [
          after,
          merchant,
          limit,
        ]),
      )
    },
    erasedOf: (merchants, state) => reader.read(() => erasedOf(reader, merchants, state)),
    async touchDays(merchant, days) {
      checkTouchedDays(days)
      if (days.length === 0) return
      const touched = distinctTouched(days.map((day) => ({ merchant, day })))
      await writer.write(async () => {
        const [counters] = await writer.rows('SELECT last_commit, versions_floor FROM counters')
        const version = Number(counters?.[0]) + 1
        const floor = await versions.record(version, touched, Number(counters?.[1]))
        await writer.run('UPDATE counters SET last_commit = $1, versions_floor = $2', [version, floor])
      })
    },
    async moveErasure(id, { from, to, through, now }) {
      const moved = await writer.write(() =>
        writer.run('UPDATE erasures SET state = $3, moved_at = $5 WHERE id = $1 AND state = $2 AND through = $4', [
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

/** Inside a read or write. Of each merchant by id; merchants without any are left out. */
export async function erasedOf(
  session: Session,
  merchants: readonly MerchantId[],
  state?: 'open',
): Promise<ReadonlyMap<MerchantId, readonly ErasedHits[]>> {
  const open = state === undefined ? '' : `AND state <> 'removed'`
  const rows = await session.rows(
    `SELECT ${columns} FROM erasures
     WHERE merchant IN (SELECT unnest(from_json($1, '["VARCHAR"]'))) ${open} ORDER BY id`,
    [JSON.stringify(merchants)],
  )
  return erasedByMerchant(rows.map(toErasure))
}

function toErasure([id, merchant, kind, value, through, state, askedAt, movedAt, by]: SqlRow): Erasure {
  return {
    id: Number(id),
    merchant: merchant as MerchantId,
    subject: kind === 'merchant' ? { kind } : ({ kind, value } as ErasureSubject),
    through: Number(through),
    state: state as ErasureState,
    askedAt: Number(askedAt),
    movedAt: Number(movedAt),
    by: by as string,
  }
}

/** A merchant has no value: the empty one. */
function kindAndValue(subject: ErasureSubject): readonly [string, string] {
  return [subject.kind, subject.kind === 'merchant' ? '' : subject.value]
}
