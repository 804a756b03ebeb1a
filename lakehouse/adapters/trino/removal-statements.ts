/** The statements that take rows out of Trino tables for good, and compute days of `hourly` again. */

import { dayMs } from '../../../core/event-time.ts'
import type { RecomputeWork, RemovedRows } from '../../../core/ports/lake-removal.ts'
import type { TableDefinition, TableName } from '../../../core/tables.ts'
import { tables } from '../../../schemas/tables.ts'
import { partitionTime } from '../../core/partition.ts'
import { beyondCondition, dayOfWork, hourlyQuestionOf, removedDays } from '../../core/removal-work.ts'
import { tableOrderColumns } from '../../core/row-order.ts'
import { anyOf, column, compare, type Expression, whole } from '../../core/sql/ast.ts'
import { hourlySelect } from '../../core/sql/hourly-select.ts'
import { answerTime, ofGenerationMap } from '../../core/sql/of-generations.ts'
import { quotedName } from '../../core/sql/printer.ts'
import { isAnyRemoved } from '../../core/sql/removed-rows.ts'
import { printTrinoExpression, printTrinoRelation, trinoLiteral } from '../../core/sql/trino-printer.ts'
import { inPartition, type RewriteWork } from './rewrite-statements.ts'
import { type TrinoPlace, trinoTable, trinoType } from './tables.ts'

/** Characters of conditions in one statement: with all else below the million that Trino takes where nobody set another. */
export const conditionsMaxLength = 400_000

/** The rows in lists whose conditions fit a statement each. */
export function conditionLists(table: TableName, rows: readonly RemovedRows[]): readonly (readonly RemovedRows[])[] {
  const lists: RemovedRows[][] = []
  let length = 0
  for (const each of rows) {
    const own = printTrinoExpression(isAnyRemoved([each], table, table)).length
    const last = lists.at(-1)
    if (last === undefined || length + own > conditionsMaxLength) {
      lists.push([each])
      length = own
    } else {
      last.push(each)
      length += own
    }
  }
  return lists
}

/** Generation and period of partitions that hold such rows. */
export function partitionsWithQuery(place: TrinoPlace, table: TableName, rows: readonly RemovedRows[]): string {
  const definition = tables[table]
  const time = `${quotedName(table)}.${quotedName(partitionTime(definition).column)}`
  const date = `CAST(${time} AT TIME ZONE 'UTC' AS date)`
  const { transform } = partitionTime(definition)
  const period = `date_diff('${transform}', DATE '1970-01-01', date_trunc('${transform}', ${date}))`
  const last = Math.max(...rows.map((each) => removedDays(each).lastDay))
  // Repeats what the conditions say: Trino skips partitions by it.
  const end = trinoLiteral({ type: 'instant', value: (last + 1) * dayMs })
  return `SELECT DISTINCT ${definition.partition.generation ? '"_gen"' : 'NULL'}, ${period}
FROM ${trinoTable(place, table)} WHERE ${time} < ${end} AND (${goes(table, rows)}) ORDER BY 1, 2`
}

export function countRemoved(work: RewriteWork, rows: readonly RemovedRows[]): string {
  return `SELECT count(*) FROM ${trinoTable(work, work.definition.name)} WHERE ${removedOf(work, rows)}`
}

export function deleteRemoved(work: RewriteWork, rows: readonly RemovedRows[]): string {
  return `DELETE FROM ${trinoTable(work, work.definition.name)} WHERE ${removedOf(work, rows)}`
}

export function countGenerations(place: TrinoPlace, table: TableName, generations: readonly number[]): string {
  return `SELECT count(*) FROM ${trinoTable(place, table)} WHERE ${goes(table, [{ generations }])}`
}

export function deleteGenerations(place: TrinoPlace, table: TableName, generations: readonly number[]): string {
  return `DELETE FROM ${trinoTable(place, table)} WHERE ${goes(table, [{ generations }])}`
}

function removedOf(work: RewriteWork, rows: readonly RemovedRows[]): string {
  const name = work.definition.name
  const conditions = [...inPartition(work, `${quotedName(name)}.`), `${quotedName(name)}."_publish" <= ${work.through}`]
  return `${conditions.join(' AND ')} AND (${goes(name, rows)})`
}

function goes(table: TableName, rows: readonly RemovedRows[]): string {
  return printTrinoExpression(isAnyRemoved(rows, table, table))
}

/** Whether the tables stand apart: rows of these days beyond what both jobs have read. `hits`, `hourly`: as of the views. */
export function apartQuery(work: RecomputeWork, hits: string, hourly: string): string {
  const { merchants, reads, hitGenerations } = hourlyQuestionOf(work)
  const of = (
    definition: TableDefinition,
    source: string,
    last: string,
    days: readonly [number, number],
    answers: Expression,
  ) => {
    const conditions = [
      printTrinoExpression(anyOf(column('merchant', 'r'), merchants)),
      printTrinoExpression(answers),
      ...between('r', definition, days),
      `(${printTrinoExpression(beyondCondition(work, last, 'r'))})`,
    ]
    return `EXISTS (SELECT 1 FROM ${source} r WHERE ${conditions.join(' AND ')})`
  }
  const day = dayOfWork(work)
  const days = [reads.firstDay ?? day, reads.lastDay ?? day] as const
  const range = { start: days[0] * dayMs, end: (days[1] + 1) * dayMs }
  const answers = ofGenerationMap(hitGenerations, 'hits', { as: 'r', time: answerTime('hits'), merchants, range })
  const inHits = of(tables.hits, hits, '_off', days, answers)
  const own = compare(column('_gen', 'r'), '=', whole(work.generation))
  return `SELECT ${inHits} OR ${of(tables.hourly, hourly, '_off_to', [day, day], own)}`
}

/** Number of the newest publication in the snapshot. */
export function lastPublishOf(source: string): string {
  return `SELECT coalesce(max("_publish"), 0) FROM ${source}`
}

/** One past the largest number of the publication's rows in the partition. */
export function nextRowOf(place: TrinoPlace, work: RecomputeWork, publish: number): string {
  const conditions = [...ofDay(work, 't'), `t."_publish" = ${publish}`]
  return `SELECT coalesce(max(t."_row"), -1) + 1 FROM ${trinoTable(place, 'hourly')} t WHERE ${conditions.join(' AND ')}`
}

export interface RecomputeStatement {
  /** `hits` as of its view. */
  readonly hits: string
  readonly zones: readonly string[]
  /** Rows of publications up to this one are replaced, and the new ones are its own. */
  readonly publish: number
  readonly firstRow: number
}

/**
 * One MERGE, which is one commit: what there is of the days goes, what was computed comes. Again it replaces what it brought,
 * so it may be repeated until it is certain.
 */
export function recomputeMerge(place: TrinoPlace, work: RecomputeWork, given: RecomputeStatement): string {
  const { columns } = tables.hourly
  const { reads: _reads, ...question } = hourlyQuestionOf(work)
  const names = columns.map(({ name }) => quotedName(name))
  const old = columns.map(({ name, type }) =>
    name === 'merchant' || name === '_publish' || name === '_row'
      ? `o.${quotedName(name)}`
      : `CAST(NULL AS ${trinoType(type)}) AS ${quotedName(name)}`,
  )
  const select = printTrinoRelation(hourlySelect(question, given.zones), () => given.hits)
  const order = tableOrderColumns(tables.hourly).map((name) => `n.${quotedName(name)} ASC NULLS FIRST`)
  const added = columns.map(({ name, type }) => {
    if (name === '_publish') return `BIGINT '${given.publish}' AS "_publish"`
    if (name === '_row')
      return `row_number() OVER (ORDER BY ${order.join(', ')}) - 1 + BIGINT '${given.firstRow}' AS "_row"`
    return `CAST(n.${quotedName(name)} AS ${trinoType(type)}) AS ${quotedName(name)}`
  })
  const on = [
    's.goes',
    't.merchant = s.merchant',
    't."_publish" = s."_publish"',
    't."_row" = s."_row"',
    ...ofDay(work, 't'),
  ]
  return `MERGE INTO ${trinoTable(place, 'hourly')} t
USING (
SELECT true AS goes, ${old.join(', ')}
FROM ${trinoTable(place, 'hourly')} o
WHERE ${replacedRows(work, 'o', given.publish)}
UNION ALL
SELECT false, ${added.join(', ')}
FROM (
${select}
) n
) s
ON ${on.join(' AND ')}
WHEN MATCHED THEN DELETE
WHEN NOT MATCHED AND NOT s.goes THEN INSERT (${names.join(', ')})
VALUES (${names.map((name) => `s.${name}`).join(', ')})`
}

/** Where no hits are left: only what there is goes. */
export function recomputeDelete(place: TrinoPlace, work: RecomputeWork, publish: number): string {
  return `DELETE FROM ${trinoTable(place, 'hourly')} WHERE ${replacedRows(work, 'hourly', publish)}`
}

function replacedRows(work: RecomputeWork, alias: string, publish: number): string {
  const merchants = printTrinoExpression(anyOf(column('merchant', alias), hourlyQuestionOf(work).merchants))
  return [merchants, ...ofDay(work, alias), `${quotedName(alias)}."_publish" <= ${publish}`].join(' AND ')
}

function ofDay(work: RecomputeWork, alias: string): string[] {
  const day = dayOfWork(work)
  return [`${quotedName(alias)}."_gen" = ${work.generation}`, ...between(alias, tables.hourly, [day, day])]
}

function between(alias: string, definition: TableDefinition, [first, last]: readonly [number, number]): string[] {
  const name = `${quotedName(alias)}.${quotedName(partitionTime(definition).column)}`
  const literal = (day: number) => trinoLiteral({ type: 'instant', value: day * dayMs })
  return [`${name} >= ${literal(first)}`, `${name} < ${literal(last + 1)}`]
}
