/**
 * `derive` of a cluster's lake: Trino computes the units' rows from the snapshot of the view and merges them in, by the
 * publication and the row's number in it. The snapshot and the units are fixed with the id and rows are numbered in one
 * order, so every repeat makes the same rows, and those that landed are found.
 */

import { dayMs } from '../../../core/event-time.ts'
import { generationFinder } from '../../../core/generations.ts'
import type { Timers } from '../../../core/ports/clock.ts'
import type { DeriveWork, LakeMaintainer } from '../../../core/ports/lake.ts'
import type { BucketRange } from '../../../core/ports/query-engine.ts'
import type { TableDefinition } from '../../../core/tables.ts'
import { tables } from '../../../schemas/tables.ts'
import { partitionTime, periodDays, periodOf } from '../../core/partition.ts'
import type { PublicationTurn } from '../../core/publication-turn.ts'
import { tableOrderColumns } from '../../core/row-order.ts'
import { deriveSelect } from '../../core/sql/derive-select.ts'
import { sinkOfTable } from '../../core/sql/of-generations.ts'
import { quotedName } from '../../core/sql/printer.ts'
import { printTrinoRelation, trinoLiteral } from '../../core/sql/trino-printer.ts'
import type { Trino } from './client.ts'
import { mergeMaxPartitions } from './lake-publication.ts'
import { currentSnapshot } from './lake-snapshots.ts'
import { type LakeStatements, untilCertain } from './lake-statements.ts'
import { type TrinoPlace, trinoTable, trinoType } from './tables.ts'

export interface TrinoDeriveOptions extends TrinoPlace {
  readonly trino: Pick<Trino, 'query'>
  readonly timers: Timers
  readonly statements: LakeStatements
  /** Values that a merchant, breakdown and day keeps; `foldMaxValues` of the tables where absent. */
  readonly foldMaxValues?: number
}

export interface TrinoDerive {
  derive(work: DeriveWork, turn?: PublicationTurn): ReturnType<LakeMaintainer['derive']>
}

export function createTrinoDerive(options: TrinoDeriveOptions): TrinoDerive {
  return {
    async derive(work, turn) {
      const definition = tables[work.table]
      if (turn !== undefined) await options.statements.begin(work.table, turn)
      const run = options.statements.runner(work.table, turn)
      if (work.view.snapshot !== null) {
        for (const range of writtenRanges(definition, work)) {
          await untilCertain(options.timers, () => run(mergeDerived(options, work, range, options.foldMaxValues)))
        }
      }
      const snapshot = await currentSnapshot(options, definition)
      const [count] = await options.trino.query(
        `SELECT CAST(count(*) AS varchar) FROM ${versionOf(options, work.table, snapshot)} t WHERE ${ofWork(definition, work, spanOf(work))}`,
      )
      return { snapshot, rows: Number(count?.[0]) }
    },
  }
}

/**
 * Moves the derived rows whose partition lies in the range and that are not in the table yet. Names, numbers and literals
 * only: what a merchant is called enters as a literal of the select.
 */
export function mergeDerived(place: TrinoPlace, work: DeriveWork, range: BucketRange, maxValues?: number): string {
  const definition = tables[work.table]
  const { view } = work
  if (view.snapshot === null) throw new RangeError('a view without a snapshot has no rows')
  const source = versionOf(place, view.table, view.snapshot)
  const select = printTrinoRelation(deriveSelect(work, maxValues).select, () => source)
  const names = definition.columns.map(({ name }) => quotedName(name))
  return `MERGE INTO ${trinoTable(place, definition.name)} t
USING (
SELECT * FROM (
SELECT ${definition.columns.map((column) => derivedColumn(column, definition, work.id)).join(', ')}
FROM (
${select}
) d
) n
WHERE ${inRange('n', definition, range).join(' AND ')}
) s
ON ${ofWork(definition, work, range)} AND t."_row" = s."_row"
WHEN NOT MATCHED THEN INSERT (${names.join(', ')})
VALUES (${names.map((name) => `s.${name}`).join(', ')})`
}

/** Numbered over the whole derivation, whichever part of it a statement writes. `other` tells rows of one value '' apart. */
function derivedColumn({ name, type }: TableDefinition['columns'][number], definition: TableDefinition, id: number) {
  if (name === '_publish') return `BIGINT '${id}' AS "_publish"`
  if (name !== '_row') return `CAST(d.${quotedName(name)} AS ${trinoType(type)}) AS ${quotedName(name)}`
  const hasOther = definition.columns.some((column) => column.name === 'other')
  const order = [...tableOrderColumns(definition), ...(hasOther ? ['other'] : [])]
  const { column, transform } = partitionTime(definition)
  const keys = order.map((each) => `d.${quotedName(each)} ASC NULLS FIRST`)
  // Partition by partition, as a publication's rows are numbered.
  const periods = `date_trunc('${transform}', d.${quotedName(column)})`
  return `row_number() OVER (ORDER BY ${[periods, ...keys].join(', ')}) - 1 AS "_row"`
}

/** Rows of the table that the work made, as `t`. The bounds keep Trino from looking for them in other files. */
function ofWork(definition: TableDefinition, work: DeriveWork, range: BucketRange): string {
  const own = [`t."_publish" = ${work.id}`, `t."_gen" IN (${generationsOf(work).map(BigInt).join(', ')})`]
  return [...own, ...inRange('t', definition, range)].join(' AND ')
}

/** That the rows of the work are of: those that answer where its units begin. */
function generationsOf({ table, generations, units }: DeriveWork): readonly number[] {
  const answering = generationFinder(generations, sinkOfTable[table])
  return [...new Set(units.map(({ merchant, start }) => answering(merchant, start)))].sort((a, b) => a - b)
}

function inRange(alias: string, definition: TableDefinition, { start, end }: BucketRange): string[] {
  const column = `${alias}.${quotedName(partitionTime(definition).column)}`
  const literal = (value: number) => trinoLiteral({ type: 'instant', value })
  return [`${column} >= ${literal(start)}`, `${column} < ${literal(end)}`]
}

/** Stretches of whole partitions, each of at most as many as one statement writes. */
function writtenRanges(definition: TableDefinition, { units }: DeriveWork): readonly BucketRange[] {
  const time = partitionTime(definition)
  const periods = new Set<number>()
  for (const { start, end } of units) {
    for (let period = periodOf(definition, start); period <= periodOf(definition, end - 1); period++)
      periods.add(period)
  }
  const rising = [...periods].sort((a, b) => a - b)
  const ranges: BucketRange[] = []
  for (let at = 0; at < rising.length; at += mergeMaxPartitions) {
    const run = rising.slice(at, at + mergeMaxPartitions)
    const [first, last] = [run[0] ?? 0, run.at(-1) ?? 0]
    ranges.push({ start: periodDays(time, first).first * dayMs, end: periodDays(time, last).end * dayMs })
  }
  return ranges
}

function spanOf({ units }: DeriveWork): BucketRange {
  return {
    start: units.reduce((least, { start }) => Math.min(least, start), Number.POSITIVE_INFINITY),
    end: units.reduce((most, { end }) => Math.max(most, end), Number.NEGATIVE_INFINITY),
  }
}

/** @throws RangeError where the snapshot is no decimal number */
export function versionOf(place: TrinoPlace, table: string, snapshot: string): string {
  if (!/^\d{1,19}$/.test(snapshot)) throw new RangeError(`${snapshot} is no snapshot id`)
  return `${trinoTable(place, table)} FOR VERSION AS OF ${snapshot}`
}
