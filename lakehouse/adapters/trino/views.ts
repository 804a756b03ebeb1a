/**
 * What people and their tools query in Trino: schema `hitlake` with `hits` (one row a hit), `sessions` (one row a visit),
 * `hourly` and `daily` (finished numbers, those the gateway answers). The base tables beside them hold every generation,
 * partial rows, and derived rows that were superseded.
 */
import { firstGenerations, type GenerationMap } from '../../../core/generations.ts'
import type { Timers } from '../../../core/ports/clock.ts'
import type { TableDefinition, TableName } from '../../../core/tables.ts'
import { dailyTable, hitsTable, hourlyTable, sessionsTable } from '../../../schemas/tables.ts'
import { notErased } from '../../core/sql/not-erased.ts'
import { answerTime, ofGenerationMap, sinkOfTable } from '../../core/sql/of-generations.ts'
import { quotedName } from '../../core/sql/printer.ts'
import { printTrinoExpression } from '../../core/sql/trino-printer.ts'
import type { Trino } from './client.ts'
import type { ShownRows } from './kept-views.ts'
import { createSchema, runRepeatable, type TrinoPlace, trinoTable } from './tables.ts'
import { finishedNumbers } from './view-numbers.ts'

export const defaultViewSchema = 'hitlake'

export interface ViewsPlace extends TrinoPlace {
  /** Of the views; `schema` is that of the base tables. */
  readonly viewSchema: string
}

const firstRows: ShownRows = { erased: [], generations: firstGenerations }

/** Makes the views as they are now, replacing those of an older version. Any number of processes may do so at once. */
export async function ensureViews(
  { trino, timers, ...place }: ViewsPlace & { readonly trino: Pick<Trino, 'query'>; readonly timers: Timers },
  shown: ShownRows = firstRows,
  signal?: AbortSignal,
): Promise<void> {
  const statements = [
    createSchema(place.catalog, place.viewSchema),
    hitsView(place, shown),
    hourlyView(place, shown),
    dailyView(place, shown),
    sessionsView(place, shown),
  ]
  for (const statement of statements) await runRepeatable({ trino, timers }, statement, signal)
}

/** Hits that `erased` names are left out. */
export function hitsView(place: ViewsPlace, { erased, generations }: ShownRows = firstRows): string {
  const left = notErased(erased, 't').map((condition) => `\nAND ${printTrinoExpression(condition)}`)
  return `${createView(place, hitsTable)}
SELECT
${allColumns(hitsTable)}
FROM ${trinoTable(place, hitsTable.name)} t
WHERE ${inForce('hits', generations)}${left.join('')}`
}

/** One row per merchant, local hour, breakdown and value, and one of `other` where the values were cut. */
export function hourlyView(place: ViewsPlace, { generations }: ShownRows = firstRows): string {
  const rows = `SELECT t.* FROM ${trinoTable(place, hourlyTable.name)} t WHERE ${inForce('hourly', generations)}`
  return `${createView(place, hourlyTable)}
${finishedNumbers(['merchant', 'bucket'], rows)}`
}

/** The same by local day, for days that were derived; as of then, so what came since is in `hourly` only. */
export function dailyView(place: ViewsPlace, { generations }: ShownRows = firstRows): string {
  const rows = `SELECT * FROM (
      SELECT t.*, max(t."_publish") OVER (PARTITION BY t.merchant, t.bucket) AS newest
      FROM ${trinoTable(place, dailyTable.name)} t
      WHERE ${inForce('daily', generations)}
    ) WHERE "_publish" = newest`
  return `${createView(place, dailyTable)}
${finishedNumbers(['merchant', 'bucket', 'bucket_end'], rows)}`
}

/**
 * One row a visit, of UTC days that were derived; as of then. A day whose visits have all become part of visits that began
 * the day before, by hits that came late, has no newer rows to supersede its old ones: they stay here. The gateway, which
 * knows what was derived, leaves them out. Visits of erased visitors and merchants that ended until then are left out (one
 * that ended until then by hits which came later is here again when its day is derived anew); a visit names no user.
 */
export function sessionsView(place: ViewsPlace, { erased, generations }: ShownRows = firstRows): string {
  const table = trinoTable(place, sessionsTable.name)
  const day = `CAST(t."start" AT TIME ZONE 'UTC' AS date)`
  const named = erased.filter(({ subject }) => subject.kind !== 'user')
  const left = notErased(named, 't', 'end').map((condition) => `\nAND ${printTrinoExpression(condition)}`)
  // Joined, not by a window: a condition on `start` then reaches the table.
  return `${createView(place, sessionsTable)}
SELECT
${allColumns(sessionsTable)}
FROM ${table} t
JOIN (
  SELECT t.merchant, ${day} AS day, max(t."_publish") AS newest
  FROM ${table} t
  WHERE ${inForce('sessions', generations)}
  GROUP BY 1, 2
) d ON t.merchant = d.merchant AND ${day} = d.day AND t."_publish" = d.newest
WHERE ${inForce('sessions', generations)}${left.join('')}`
}

/** Rows of `t` that count now. @throws RangeError beyond `generationDaysMax`: views stay as they are */
function inForce(table: Exclude<TableName, 'failed_hits'>, generations: GenerationMap): string {
  return printTrinoExpression(ofGenerationMap(generations, sinkOfTable[table], { as: 't', time: answerTime(table) }))
}

function createView(place: ViewsPlace, { name }: TableDefinition): string {
  return `CREATE OR REPLACE VIEW ${trinoTable({ ...place, schema: place.viewSchema }, name)} AS`
}

function allColumns({ columns }: TableDefinition): string {
  return columns.map(({ name }) => `  t.${quotedName(name)}`).join(',\n')
}
