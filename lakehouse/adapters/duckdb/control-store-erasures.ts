/** Erasures in DuckDB. The one writer makes two of the same subject come one after the other. */
import type { MerchantId } from '../../../core/ids.ts'
import type { EpochCommit } from '../../../core/ports/control-store.ts'
import {
  type DroppedDay,
  type ErasedHits,
  type Erasure,
  type ErasureState,
  type ErasureStore,
  type ErasureSubject,
  openErasuresPerMerchantMax,
} from '../../../core/ports/erasure-store.ts'
import { distinctTouched } from '../../core/control/epoch-rows.ts'
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
import type { Session, SqlRow } from './control-store-session.ts'
import type { Versions } from './control-store-versions.ts'

const columns = 'id, merchant, kind, value, through, state, asked_at, moved_at, asked_by, asking'
const newestAsking = 'SELECT coalesce(max(asking), 0) FROM erasures'

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
            `INSERT INTO erasures SELECT coalesce(max(id), 0) + 1, $1, $2, $3, $4, 'asked', $5, $5, $6,
               coalesce(max(asking), 0) + 1, 0 FROM erasures`,
            [merchant, kind, value, through, now, by],
          )
        } else {
          await writer.run(
            `UPDATE erasures SET state = 'asked', asked_at = $2, moved_at = $2, asked_by = $3 WHERE id = $1`,
            [before.id, now, by],
          )
          await writer.run(
            `UPDATE erasures SET through = $2, asking = (${newestAsking}) + 1 WHERE id = $1 AND through < $2`,
            [before.id, through],
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
    async erasuresAsked() {
      const [row] = await reader.read(() => reader.rows(newestAsking))
      return Number(row?.[0])
    },
    async fenceErasures(fenced) {
      checkFenced(fenced)
      if (fenced.length === 0) return new Set()
      return writer.write(async () => {
        const named = JSON.stringify(fenced.map(({ id, through }) => ({ id, through })))
        const rows = await writer.rows(
          `SELECT e.id, e.fenced < e.asking FROM erasures e
           JOIN (SELECT unnest(from_json($1, '[{"id": "BIGINT", "through": "BIGINT"}]'), recursive := true)) n
             ON n.id = e.id AND n.through = e.through`,
          [named],
        )
        const ids = rows.filter(([, isNew]) => Boolean(isNew)).map(([id]) => Number(id))
        if (ids.length > 0) {
          await writer.run(
            `UPDATE erasures SET fenced = asking WHERE id IN (SELECT unnest(from_json($1, '["BIGINT"]')))`,
            [JSON.stringify(ids)],
          )
        }
        return new Set(rows.map(([id]) => Number(id)))
      })
    },
    async droppedDays({ after = { epoch: 0, merchant: '', day: 0 }, limit }) {
      checkDroppedDaysPage(limit)
      const rows = await reader.read(() =>
        reader.rows(
          `SELECT merchant, day, epoch, erasures_known FROM dropped_days WHERE (epoch, merchant, day) > ($1, $2, $3)
           ORDER BY epoch, merchant, day LIMIT $4`,
          [after.epoch, after.merchant, after.day, limit],
        ),
      )
      return rows.map(
        ([merchant, day, epoch, known]): DroppedDay => ({
          merchant: merchant as MerchantId,
          day: Number(day),
          epoch: Number(epoch),
          erasuresKnown: Number(known),
        }),
      )
    },
    async forgetDroppedDays(days) {
      if (days.length === 0) return
      checkDroppedDaysPage(days.length)
      const named = JSON.stringify(days.map(({ epoch, merchant, day }) => ({ epoch, merchant, day })))
      await writer.write(() =>
        writer.run(
          `DELETE FROM dropped_days WHERE (epoch, merchant, day) IN (SELECT (epoch, merchant, day) FROM (
             SELECT unnest(from_json($1, '[{"epoch": "BIGINT", "merchant": "VARCHAR", "day": "BIGINT"}]'),
               recursive := true)))`,
          [named],
        ),
      )
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

/** Inside a write. Those that are fenced up to a later asking. */
export async function fencedAfter(writer: Session, asking: number | undefined): Promise<readonly FencedErasure[]> {
  if (asking === undefined) return []
  const rows = await writer.rows('SELECT merchant, fenced FROM erasures WHERE fenced > $1', [asking])
  return rows.map((row) => ({ merchant: row[0] as MerchantId, fenced: Number(row[1]) }))
}

/** Inside a write. */
export async function recordDroppedDays(writer: Session, epoch: number, commit: EpochCommit): Promise<void> {
  const days = droppedDaysOf(commit)
  await writer.append('dropped_days', [
    { whole: days.map(() => epoch) },
    { text: days.map(({ merchant }) => merchant) },
    { whole: days.map(({ day }) => day) },
    { whole: days.map(({ erasuresKnown }) => erasuresKnown) },
  ])
}

function toErasure([id, merchant, kind, value, through, state, askedAt, movedAt, by, asking]: SqlRow): Erasure {
  return {
    id: Number(id),
    asking: Number(asking),
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
