/**
 * The statements of a rewrite. Folding is one MERGE, which is one commit: of the rows of a key one is kept and becomes the
 * sum, the others go. Only rows of finished publications are touched: a publication that is repeated is found by its rows.
 */
import { utcDayText } from '../../../core/event-time.ts'
import type { LakePartition } from '../../../core/ports/lake.ts'
import type { Column, FoldKind, TableDefinition } from '../../../core/tables.ts'
import { partitionTime, periodDays, periodField } from '../../core/partition.ts'
import { quotedName } from '../../core/sql/printer.ts'
import { trinoLiteral } from '../../core/sql/trino-printer.ts'
import { unitColumns } from '../../core/superseded.ts'
import { type TrinoPlace, trinoTable, trinoType } from './tables.ts'

/** Files below this size are put together. */
export const optimizeBelow = '128MB'

export interface RewriteWork extends TrinoPlace {
  readonly definition: TableDefinition
  readonly partition: LakePartition
  /** Rows of publications up to this one. */
  readonly through: number
}

/** Generation, period, files, rows, bytes of each partition of the newest snapshot. */
export function partitionsQuery(place: TrinoPlace, definition: TableDefinition): string {
  const { transform } = partitionTime(definition)
  const field = `partition.${quotedName(periodField(definition))}`
  const period = transform === 'day' ? `date_diff('day', DATE '1970-01-01', ${field})` : `CAST(${field} AS bigint)`
  const generation = definition.partition.generation ? 'partition."_gen"' : 'NULL'
  return `SELECT ${generation}, ${period}, file_count, record_count, total_size
FROM ${trinoTable(place, `${definition.name}$partitions`)} ORDER BY 1, 2`
}

/** Merchants of whom a breakdown has more values than it may keep. */
export function longBreakdowns(work: RewriteWork, maxValues: number): string {
  return `SELECT DISTINCT merchant FROM (
  SELECT merchant FROM ${trinoTable(work, work.definition.name)} t
  WHERE ${held(work)} AND ${isValue}
  GROUP BY merchant, breakdown HAVING count(DISTINCT "value") > ${maxValues}
) ORDER BY 1`
}

const isValue = `NOT coalesce(t.other, false) AND t.breakdown <> 'total' AND t."value" IS NOT NULL`

/** Partial rows of one key become one; with `maxValues` long breakdowns are cut before. */
export function foldMerge(work: RewriteWork, maxValues: number | null): string {
  const { definition } = work
  const { fold } = definition
  if (fold === undefined) throw new TypeError(`${definition.name} does not fold`)
  const isKey = (name: string) => fold.key.includes(name)
  const keys = fold.key.map(quotedName)
  const values = definition.columns.filter(({ name }) => !isKey(name) && name !== '_publish' && name !== '_row')
  const folded = values.map(
    (column) => `${foldedValue(column, fold.values[column.name])} AS ${quotedName(column.name)}`,
  )
  // The cut changes a row's value and flag, so both are set as well.
  const changed = [...values, ...definition.columns.filter(({ name }) => name === 'value' || name === 'other')]
  const sources = changed.map(
    (column) => `${finalValue(column, fold.values[column.name])} AS ${quotedName(column.name)}`,
  )
  const sets = changed.map(({ name }) => `${quotedName(name)} = s.${quotedName(name)}`)
  return `MERGE INTO ${trinoTable(work, definition.name)} t
USING (
  WITH ${cutRows(work, maxValues)},
  folded AS (
    SELECT ${keys.join(', ')}, max(ROW("_publish", "_row")) AS keep, ${folded.join(', ')}
    FROM cut GROUP BY ${keys.join(', ')} HAVING count(*) > 1 OR bool_or(is_lost)
  )
  SELECT c."_publish", c."_row", ROW(c."_publish", c."_row") = f.keep AS is_kept, ${sources.join(', ')}
  FROM cut c JOIN folded f ON ${keys.map((key) => `c.${key} IS NOT DISTINCT FROM f.${key}`).join(' AND ')}
) s
ON t."_publish" = s."_publish" AND t."_row" = s."_row" AND ${held(work)}
WHEN MATCHED AND s.is_kept THEN UPDATE SET ${sets.join(', ')}
WHEN MATCHED THEN DELETE`
}

/** `cut`: the rows of the partition, those that lose their value with value '' and `other`, and whether they do. */
function cutRows(work: RewriteWork, maxValues: number | null): string {
  const { definition } = work
  const table = trinoTable(work, definition.name)
  const columns = (value: string, other: string) =>
    definition.columns
      .map(({ name }) =>
        name === 'value' ? `${value} AS "value"` : name === 'other' ? `${other} AS other` : `t.${quotedName(name)}`,
      )
      .join(', ')
  if (maxValues === null) {
    const all = columns('t."value"', 'coalesce(t.other, false)')
    return `cut AS (SELECT ${all}, false AS is_lost FROM ${table} t WHERE ${held(work)})`
  }
  const lost = columns(
    `CASE WHEN l.merchant IS NULL THEN t."value" ELSE '' END`,
    'coalesce(t.other, false) OR l.merchant IS NOT NULL',
  )
  return `lost AS (
    SELECT merchant, breakdown, "value" FROM (
      SELECT t.merchant, t.breakdown, t."value", row_number() OVER (
        PARTITION BY t.merchant, t.breakdown ORDER BY coalesce(sum(t.hits), 0) DESC, t."value") AS place
      FROM ${table} t WHERE ${held(work)} AND ${isValue} GROUP BY t.merchant, t.breakdown, t."value"
    ) WHERE place > ${maxValues}
  ),
  cut AS (
    SELECT ${lost}, l.merchant IS NOT NULL AS is_lost
    FROM ${table} t LEFT JOIN lost l ON NOT coalesce(t.other, false)
      AND t.merchant = l.merchant AND t.breakdown = l.breakdown AND t."value" = l."value"
    WHERE ${held(work)}
  )`
}

function foldedValue({ name }: Column, kind: FoldKind | undefined): string {
  const column = quotedName(name)
  if (kind === 'sum') return `sum(${column})`
  if (kind === undefined) return `${name.endsWith('_from') ? 'min' : 'max'}(${column})`
  const all = `flatten(array_agg(${column}) FILTER (WHERE ${column} IS NOT NULL))`
  if (kind === 'sumByKey') return `multimap_from_entries(${all})`
  const { of, is, k, otherwise } = kind.kmv
  const size = `CASE WHEN ${quotedName(of)} = ${trinoLiteral({ type: 'text', value: is })} THEN ${k} ELSE ${otherwise} END`
  return `slice(array_sort(array_distinct(${all})), 1, ${size})`
}

function finalValue({ name, type }: Column, kind: FoldKind | undefined): string {
  const column = `f.${quotedName(name)}`
  if (kind !== 'sumByKey') return column
  if (typeof type === 'string' || !('list' in type)) throw new TypeError(`column ${name} is no list of keys and values`)
  const { element } = type.list
  if (typeof element === 'string' || !('struct' in element)) throw new TypeError(`column ${name} holds no structs`)
  const sum = element.struct[1]
  if (sum === undefined) throw new TypeError(`column ${name} has nothing to sum`)
  const zero = `CAST(0 AS ${trinoType(sum.type)})`
  return `transform(array_sort(map_keys(${column})), k -> CAST(ROW(k, reduce(element_at(${column}, k), ${zero}, (a, b) -> a + b, a -> a)) AS ${trinoType(element)}))`
}

/** Removes rows of derived units that a newer derivation superseded; undefined for tables that have none. */
export function deleteSuperseded(work: RewriteWork): string | undefined {
  const unit = unitColumns(work.definition)
  if (unit === undefined) return undefined
  const table = trinoTable(work, work.definition.name)
  const columns = unit.map(quotedName).join(', ')
  return `MERGE INTO ${table} t
USING (SELECT ${columns}, max(t."_publish") AS newest FROM ${table} t WHERE ${held(work)} GROUP BY ${columns}) s
ON ${unit.map((name) => `t.${quotedName(name)} = s.${quotedName(name)}`).join(' AND ')} AND t."_publish" < s.newest AND ${held(work)}
WHEN MATCHED THEN DELETE`
}

/** One file of the partition's many, with what was deleted of them left out. */
export function optimize(work: RewriteWork): string {
  return `ALTER TABLE ${trinoTable(work, work.definition.name)} EXECUTE optimize(file_size_threshold => '${optimizeBelow}')
WHERE ${inPartition(work, '').join(' AND ')}`
}

function held(work: RewriteWork): string {
  return [...inPartition(work, 't.'), `t."_publish" <= ${work.through}`].join(' AND ')
}

/** Conditions on rows of the partition. `alias` ends in a dot, or is empty. */
export function inPartition(
  { definition, partition }: Pick<RewriteWork, 'definition' | 'partition'>,
  alias: string,
): string[] {
  const time = partitionTime(definition)
  const { first, end } = periodDays(time, partition.period)
  const column = `${alias}${quotedName(time.column)}`
  const start = (day: number) => `TIMESTAMP '${utcDayText(day)} 00:00:00.000000 UTC'`
  return [
    ...(partition.generation === null ? [] : [`${alias}"_gen" = ${partition.generation}`]),
    `${column} >= ${start(first)}`,
    `${column} < ${start(end)}`,
  ]
}
