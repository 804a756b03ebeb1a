/**
 * Derivations in PostgreSQL: what is open (`derivations`), what holds (`derived_ranges`, disjoint in each merchant and
 * table), and what is still to be done (`derivation_marks`, and the changed days). Whether a range is right is looked up
 * when it is asked for, so a commit has nothing to do with ranges. What must be of one moment is read by one statement.
 */
import { dayMs } from '../../../core/event-time.ts'
import { generationMap } from '../../../core/generations.ts'
import type { ClusterStore } from '../../../core/ports/cluster-store.ts'
import type { StagedFile } from '../../../core/ports/lake.ts'
import type { DerivationStore } from '../../../core/ports/maintenance-store.ts'
import { baseOfDerived, type ChangedDay, type DerivedRange } from '../../../core/ports/maintenance-store.ts'
import type { GenerationChange } from '../../../core/ports/rerun-store.ts'
import {
  type BegunDerivation,
  daysOf,
  limitsOf,
  merchantsOf,
  type Reading,
  toDerivation,
  type Visible,
} from '../../core/control/derived-ranges.ts'
import { checkChangedDaysPage, checkUnits } from '../../core/control/rules.ts'
import { lockTable, openDerivationOf, requireLease, requireNoneOpen } from './control-store-lake-tables.ts'
import type { Database, Sql } from './database.ts'

interface BaseReading extends Reading, Pick<BegunDerivation, 'erased'> {
  readonly snapshot: string | null
  /** In commit order. */
  readonly pending: readonly StagedFile[]
  readonly changes: readonly GenerationChange[]
}

/** $1: after this version; $2, $3: first and last day; $4, $5: after this day and merchant; $6: at most so many. */
const inPage = 'day BETWEEN $2::int8 AND $3::int8 AND (day, merchant) > ($4::int8, $5::text COLLATE "C")'
const knownChanges = `SELECT merchant, day, version FROM visible_changes
  UNION ALL SELECT t.merchant, t.day, e.commit FROM epochs e JOIN touched t ON t.epoch = e.epoch`
const changedDaysQuery = `SELECT merchant, day, max(version) AS version FROM (${knownChanges}) AS changes
  WHERE version > $1::int8 AND ${inPage} GROUP BY day, merchant ORDER BY day, merchant LIMIT $6`
const changedPlacesQuery = `WITH known AS (
    SELECT merchant, day, max(version) AS version FROM (
      ${knownChanges}
      UNION ALL SELECT d.merchant, d.day, 0 FROM rerun_days d JOIN reruns r ON r.id = d.rerun WHERE r.answer IS NOT NULL
    ) AS days WHERE ${inPage} GROUP BY day, merchant
  ), newer AS MATERIALIZED (
    SELECT merchant, starts, ends, max(version) AS version FROM generation_changes WHERE version > $1::int8
    GROUP BY merchant, starts, ends
  )
  SELECT k.merchant, k.day, greatest(k.version, max(n.version)) AS version
  FROM known k LEFT JOIN newer n ON (n.merchant IS NULL OR n.merchant = k.merchant)
    AND (n.starts IS NULL OR n.starts < (k.day + 1) * ${dayMs}) AND (n.ends IS NULL OR n.ends > k.day * ${dayMs})
  GROUP BY k.day, k.merchant, k.version HAVING greatest(k.version, max(n.version)) > $1::int8
  ORDER BY k.day, k.merchant LIMIT $6`

export function derivations(
  database: Database,
  visible: Visible,
): DerivationStore & Pick<ClusterStore, 'forgetDerivations'> {
  return {
    async changedDays({ afterVersion, firstDay, lastDay, after, limit }) {
      checkChangedDaysPage(limit)
      const values = [afterVersion, firstDay, lastDay, after?.day ?? firstDay, after?.merchant ?? '', limit]
      return database.read(async (sql) => {
        const [newer] = await sql.rows('SELECT FROM generation_changes WHERE version > $1 LIMIT 1', [afterVersion])
        // All known days are looked through only where something else answers now.
        return sql.rows<ChangedDay>(newer === undefined ? changedDaysQuery : changedPlacesQuery, values)
      })
    },
    async derivationMark(table) {
      const [mark] = await database.ask<{ version: number; day: number }>(
        'SELECT version, day FROM derivation_marks WHERE table_name = $1',
        [table],
      )
      return mark ?? null
    },
    async setDerivationMark(table, lease, fence, { version, day }) {
      await database.write(async (sql) => {
        await requireLease(sql, lease, fence)
        await sql.run(
          `INSERT INTO derivation_marks VALUES ($1, $2, $3)
           ON CONFLICT (table_name) DO UPDATE SET version = excluded.version, day = excluded.day`,
          [table, version, day],
        )
      })
    },

    async beginDerivation(table, lease, fence, { units, reads, idAbove }) {
      checkUnits(table, units)
      return database.write(async (sql) => {
        await requireLease(sql, lease, fence)
        const { last } = await lockTable(sql, table)
        await requireNoneOpen(sql, table)
        const base = baseOfDerived[table]
        const { snapshot, pending, erased, changes, ...reading } = await readBase(sql, base, merchantsOf(units))
        const begun: BegunDerivation = {
          table,
          id: Math.max(last, idAbove) + 1,
          units,
          view: { table: base, snapshot, pending: reads === 'pending' ? pending : [] },
          erased,
          generations: generationMap(changes),
          ...limitsOf(reading, reads, visible),
        }
        await sql.run('INSERT INTO derivations VALUES ($1, $2)', [table, JSON.stringify(begun)])
        return toDerivation(begun)
      })
    },
    async openDerivation(table) {
      const begun = await database.read((sql) => openDerivationOf(sql, table))
      return begun && toDerivation(begun)
    },
    async finishDerivation(table, lease, fence, id, snapshot) {
      await database.write(async (sql) => {
        await requireLease(sql, lease, fence)
        const { last } = await lockTable(sql, table)
        if (id <= last) return // a repeat: the first call has done it
        const begun = await openDerivationOf(sql, table)
        if (begun?.id !== id) throw new RangeError(`derivation ${id} of ${table} was never begun`)
        await recordRanges(sql, begun)
        await sql.run(
          'UPDATE lake_tables SET snapshot = coalesce($2, snapshot), last_publication = $3 WHERE name = $1',
          [table, snapshot, id],
        )
        await sql.run('DELETE FROM derivations WHERE table_name = $1', [table])
      })
    },

    async derivedRanges({ table, merchant, from, to, reach }) {
      const widest = daysOf({ start: from, end: to }, reach)
      // The days of each range as `daysOf` reckons them: rounded down, before 1970 too.
      return database.ask<DerivedRange>(
        `WITH changed AS MATERIALIZED (
           SELECT day, max(version) AS version FROM visible_changes
           WHERE merchant = $2 AND day BETWEEN $8::int8 AND $9::int8
           GROUP BY day
         )
         SELECT starts AS start, ends AS "end", publish FROM derived_ranges r
         WHERE table_name = $1 AND merchant = $2 AND starts >= $3::int8 AND ends <= $4::int8 AND NOT EXISTS (
           SELECT FROM changed c WHERE c.version > r.right_until
             AND c.day BETWEEN floor(r.starts::numeric / $7) - $5 AND floor((r.ends - 1)::numeric / $7) + $6
         ) AND NOT EXISTS (
           SELECT FROM generation_changes g
           WHERE g.version > r.right_until AND g.sink = $10 AND (g.merchant IS NULL OR g.merchant = $2)
             AND (g.starts IS NULL OR g.starts < (floor((r.ends - 1)::numeric / $7) + $6 + 1) * $7)
             AND (g.ends IS NULL OR g.ends > (floor(r.starts::numeric / $7) - $5) * $7)
         ) ORDER BY starts`,
        [
          ...[table, merchant, from, to, reach.daysBefore, reach.daysAfter, dayMs, widest.first, widest.last],
          baseOfDerived[table],
        ],
      )
    },

    async forgetDerivations() {
      await database.write(async (sql) => {
        // In the order of all who hold both.
        for (const table of ['daily', 'sessions'] as const) await lockTable(sql, table)
        await sql.run('DELETE FROM derivations')
        await sql.run('DELETE FROM derivation_marks')
        await sql.run('DELETE FROM derived_ranges')
      })
    },
  }
}

/** Numbers, files, erasures and the generation map of one moment: a publication's version and its snapshot are both in it, or neither. */
async function readBase(sql: Sql, base: string, merchants: readonly string[]): Promise<BaseReading> {
  const [row] = await sql.rows<BaseReading>(
    `SELECT c.last_commit AS newest, l.snapshot, f."oldestUnpublished", f.pending, (
       SELECT coalesce(json_agg(json_build_object('merchant', x.merchant, 'subject', CASE x.kind
           WHEN 'merchant' THEN json_build_object('kind', x.kind)
           ELSE json_build_object('kind', x.kind, 'value', x.value) END, 'through', x.through) ORDER BY x.id), '[]')
       FROM erasures x WHERE x.merchant = ANY ($2::text[]) AND x.state <> 'removed'
     ) AS erased, (
       SELECT coalesce(json_agg(json_build_object('rerun', g.rerun, 'sink', g.sink, 'generation', g.generation,
           'merchant', g.merchant, 'from', g.starts, 'to', g.ends, 'answers', g.answers, 'order', g.place,
           'version', g.version)), '[]') FROM generation_changes g
     ) AS changes
     FROM counters c LEFT JOIN lake_tables l ON l.name = $1, (
       SELECT min(e.commit) AS "oldestUnpublished", coalesce(json_agg(json_build_object(
           'name', p.name, 'table', p.table_name, 'rows', p.row_count, 'bytes', p.bytes, 'firstDay', p.first_day,
           'lastDay', p.last_day) ORDER BY e.commit, p.place), '[]') AS pending
       FROM pending_files p JOIN epochs e ON e.epoch = p.epoch WHERE p.table_name = $1
     ) AS f`,
    [base, merchants],
  )
  return row as BaseReading
}

async function recordRanges(sql: Sql, { table, id, units, rightUntil }: BegunDerivation): Promise<void> {
  const columns = [
    units.map(({ merchant }) => merchant),
    units.map(({ start }) => start),
    units.map(({ end }) => end),
  ] as const
  const unitRows = 'unnest($2::text[], $3::int8[], $4::int8[]) AS u (merchant, starts, ends)'
  await sql.run(
    `DELETE FROM derived_ranges r USING ${unitRows}
     WHERE r.table_name = $1 AND r.merchant = u.merchant AND r.starts < u.ends AND r.ends > u.starts`,
    [table, ...columns],
  )
  await sql.run(`INSERT INTO derived_ranges SELECT $1, u.merchant, u.starts, u.ends, $5, $6 FROM ${unitRows}`, [
    table,
    ...columns,
    id,
    rightUntil,
  ])
}
