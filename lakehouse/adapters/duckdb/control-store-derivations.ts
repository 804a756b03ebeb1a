/**
 * Derivations in DuckDB: what is open (`derivations`, one row a table), what holds (`derived_ranges`, disjoint in each
 * merchant and table), and what is still to be done (`derivation_marks`, and the changed days). Whether a range is right is
 * looked up when it is asked for, so a commit has nothing to do with ranges.
 */
import { dayMs } from '../../../core/event-time.ts'
import { generationMap } from '../../../core/generations.ts'
import type { MerchantId } from '../../../core/ids.ts'
import { baseOfDerived, type DerivationStore } from '../../../core/ports/maintenance-store.ts'
import { type BegunDerivation, daysOf, limitsOf, merchantsOf, toDerivation } from '../../core/control/derived-ranges.ts'
import { newestChange } from '../../core/control/generation-changes.ts'
import { checkChangedDaysPage, checkUnits } from '../../core/control/rules.ts'
import { erasedOf } from './control-store-erasures.ts'
import {
  lakeTable,
  openDerivationOf,
  pendingFiles,
  requireLease,
  requireNoneOpen,
  setLakeTable,
} from './control-store-lake-tables.ts'
import { changesOf } from './control-store-rerun-tables.ts'
import type { Session } from './control-store-session.ts'
import { dayChanges } from './control-store-versions.ts'

export function derivations(writer: Session, reader: Session): DerivationStore {
  /** Inside a write. */
  async function recordRanges({ table, id, units, rightUntil }: BegunDerivation): Promise<void> {
    await writer.run('CREATE OR REPLACE TEMP TABLE new_ranges AS FROM derived_ranges LIMIT 0')
    await writer.append('new_ranges', [
      { text: units.map(() => table) },
      { text: units.map(({ merchant }) => merchant) },
      { whole: units.map(({ start }) => start) },
      { whole: units.map(({ end }) => end) },
      { whole: units.map(() => id) },
      { whole: units.map(() => rightUntil) },
    ])
    await writer.run(
      `DELETE FROM derived_ranges r USING new_ranges n WHERE r.table_name = n.table_name AND r.merchant = n.merchant
       AND r.starts < n.ends AND r.ends > n.starts`,
    )
    await writer.run('INSERT INTO derived_ranges FROM new_ranges ORDER BY merchant, starts')
    await writer.run('DROP TABLE new_ranges')
  }

  return {
    async changedDays({ afterVersion, firstDay, lastDay, after, limit }) {
      checkChangedDaysPage(limit)
      const values = [afterVersion, firstDay, lastDay, after?.day ?? firstDay, after?.merchant ?? '', limit]
      const inPage = 'day >= $2 AND day <= $3 AND (day > $4 OR day = $4 AND merchant > $5)'
      const rows = await reader.read(async () => {
        const [newer] = await reader.rows('SELECT 1 FROM generation_changes WHERE version > $1 LIMIT 1', [afterVersion])
        // All known days are looked through only where something else answers now.
        return newer === undefined
          ? reader.rows(
              `SELECT day, merchant, max(version) FROM ${dayChanges} WHERE version > $1 AND ${inPage}
               GROUP BY day, merchant ORDER BY day, merchant LIMIT $6`,
              values,
            )
          : reader.rows(
              `SELECT d.day, d.merchant, greatest(d.version, coalesce(max(c.version), 0)) AS newest
               FROM (SELECT day, merchant, max(version) AS version FROM ${dayChanges} WHERE ${inPage}
                 GROUP BY day, merchant) d
               LEFT JOIN (SELECT * FROM generation_changes WHERE version > $1) c
                 ON (c.merchant IS NULL OR c.merchant = d.merchant)
                 AND (c.starts IS NULL OR c.starts < (d.day + 1) * ${dayMs}) AND (c.ends IS NULL OR c.ends > d.day * ${dayMs})
               GROUP BY d.day, d.merchant, d.version HAVING newest > $1 ORDER BY d.day, d.merchant LIMIT $6`,
              values,
            )
      })
      return rows.map(([day, merchant, version]) => ({
        merchant: merchant as MerchantId,
        day: Number(day),
        version: Number(version),
      }))
    },
    async derivationMark(table) {
      const [row] = await reader.read(() =>
        reader.rows('SELECT version, day FROM derivation_marks WHERE table_name = $1', [table]),
      )
      return row === undefined ? null : { version: Number(row[0]), day: Number(row[1]) }
    },
    async setDerivationMark(table, lease, fence, { version, day }) {
      await writer.write(async () => {
        await requireLease(writer, lease, fence)
        await writer.run('DELETE FROM derivation_marks WHERE table_name = $1', [table])
        await writer.run('INSERT INTO derivation_marks VALUES ($1, $2, $3)', [table, version, day])
      })
    },

    async beginDerivation(table, lease, fence, { units, reads, idAbove }) {
      checkUnits(table, units)
      return writer.write(async () => {
        await requireLease(writer, lease, fence)
        await requireNoneOpen(writer, table)
        const base = baseOfDerived[table]
        const [counters] = await writer.rows('SELECT last_commit FROM counters')
        const [oldest] = await writer.rows('SELECT min(version) FROM pending_files WHERE table_name = $1', [base])
        const reading = {
          newest: Number(counters?.[0]),
          oldestUnpublished: oldest === undefined || oldest[0] === null ? null : Number(oldest[0]),
        }
        const { snapshot } = await lakeTable(writer, base)
        const pending = reads === 'pending' ? await pendingFiles(writer, base, 'TRUE') : []
        const begun: BegunDerivation = {
          table,
          id: Math.max((await lakeTable(writer, table)).last ?? 0, idAbove) + 1,
          units,
          view: { table: base, snapshot, pending },
          generations: generationMap(await changesOf(writer)),
          erased: [...(await erasedOf(writer, merchantsOf(units), 'open')).values()].flat(),
          ...limitsOf(reading, reads, 'committed'),
        }
        await writer.run('INSERT INTO derivations VALUES ($1, $2)', [table, JSON.stringify(begun)])
        return toDerivation(begun)
      })
    },
    async openDerivation(table) {
      const begun = await reader.read(() => openDerivationOf(reader, table))
      return begun && toDerivation(begun)
    },
    async finishDerivation(table, lease, fence, id, snapshot) {
      await writer.write(async () => {
        await requireLease(writer, lease, fence)
        const before = await lakeTable(writer, table)
        if (id <= (before.last ?? 0)) return // a repeat: the first call has done it
        const begun = await openDerivationOf(writer, table)
        if (begun?.id !== id) throw new RangeError(`derivation ${id} of ${table} was never begun`)
        await recordRanges(begun)
        await setLakeTable(writer, table, before, { snapshot: snapshot ?? before.snapshot, last: id })
        await writer.run('DELETE FROM derivations WHERE table_name = $1', [table])
      })
    },
    async derivedRanges({ table, merchant, from, to, reach }) {
      const widest = daysOf({ start: from, end: to }, reach)
      const { ranges, changes, ofMap } = await reader.read(async () => ({
        ranges: await reader.rows(
          `SELECT starts, ends, publish, right_until FROM derived_ranges
           WHERE table_name = $1 AND merchant = $2 AND starts >= $3 AND ends <= $4 ORDER BY starts`,
          [table, merchant, from, to],
        ),
        changes: await reader.rows(
          `SELECT day, max(version) FROM ${dayChanges} WHERE merchant = $1 AND day >= $2 AND day <= $3 GROUP BY day`,
          [merchant, widest.first, widest.last],
        ),
        ofMap: await changesOf(reader, { sink: baseOfDerived[table], merchant }),
      }))
      const changed = new Map(changes.map(([day, version]) => [Number(day), Number(version)]))
      return ranges.flatMap(([starts, ends, publish, rightUntil]) => {
        const range = { start: Number(starts), end: Number(ends), publish: Number(publish) }
        const { first, last } = daysOf(range, reach)
        if (newestChange(ofMap, baseOfDerived[table], { merchant, first, last }) > Number(rightUntil)) return []
        for (let day = first; day <= last; day++) if ((changed.get(day) ?? 0) > Number(rightUntil)) return []
        return [range]
      })
    },
  }
}
