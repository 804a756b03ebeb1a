/**
 * What reruns read of a cluster's lake, through Trino. Rows of a split come in pages, each a statement that reads the split
 * anew: what a page takes in memory here is bounded, what it costs there is not small. What is thought to fit into a page is
 * asked for at once; else a statement counts first. Hours are computed by Trino and come as rows.
 */
import { SnapshotNotFoundError, TrinoQueryError, TrinoResultTooLargeError } from '../../../core/errors.ts'
import { dayMs, utcDay } from '../../../core/event-time.ts'
import { isInPlace } from '../../../core/generations.ts'
import type { MerchantId } from '../../../core/ids.ts'
import type { LakeWriter } from '../../../core/ports/lake.ts'
import type { RerunLake, RerunSql, SplitHours, SplitRows } from '../../../core/ports/rerun-lake.ts'
import type { AcceptedRows } from '../../../core/ports/rerun-work.ts'
import type { Column, LakeRow, TableName } from '../../../core/tables.ts'
import { isZone } from '../../../core/time/calendar.ts'
import { hourlyTable, tables } from '../../../schemas/tables.ts'
import { partitionTime } from '../../core/partition.ts'
import { and, arithmetic, boolean, column, compare, type Expression, type Select, whole } from '../../core/sql/ast.ts'
import { hourlySelect } from '../../core/sql/hourly-select.ts'
import { generationConditionsMax } from '../../core/sql/of-generations.ts'
import type { TableText } from '../../core/sql/printer.ts'
import {
  halvesOfHours,
  isInPlaces,
  isOfSplit,
  placesOfSplit,
  splitHitsSelect,
  splitMerchantsSelect,
  splitQuestion,
  splitZonesSelect,
} from '../../core/sql/rerun-rows.ts'
import { printTrino, printTrinoExpression, printTrinoRelation } from '../../core/sql/trino-printer.ts'
import type { Trino } from './client.ts'
import { allSnapshots } from './lake-snapshots.ts'
import { TrinoSources } from './query-engine-sources.ts'
import { readRow, rowText } from './rerun-cells.ts'
import type { TrinoPlace } from './tables.ts'

/** Rows of one statement: with all their texts some 40 MB. */
export const rerunPageRows = 20_000
/** A statement may take this long. */
export const rerunStatementTimeoutMs = 600_000
/** What a row takes in a data file, about: Trino does not say it of a snapshot that is not the newest. */
export const rerunRowBytes = 100
/** Client tag of statements of reruns. */
export const rerunTag = 'hitlake-rerun'

export interface TrinoRerunLakeOptions extends TrinoPlace {
  readonly trino: Pick<Trino, 'query'>
  /** Stages hours. */
  readonly writer: Pick<LakeWriter, 'stage'>
  /** `rerunPageRows` where absent. */
  readonly pageRows?: number
}

type Rows = readonly (readonly unknown[])[]

export function createTrinoRerunLake(options: TrinoRerunLakeOptions): RerunLake {
  const sources = new TrinoSources(options)

  /** Runs a statement over the snapshot. @throws SnapshotNotFoundError */
  async function asked(
    rows: AcceptedRows,
    signal: AbortSignal | null,
    work: (source: TableText) => string,
  ): Promise<Rows> {
    const { table, snapshot } = rows
    if (snapshot === null) return []
    const ask = (sql: string) =>
      options.trino.query(sql, {
        ...{ effect: 'reads', timeoutMs: rerunStatementTimeoutMs, tags: [rerunTag] },
        ...(signal && { signal }),
      })
    try {
      return await sources.run([{ table, snapshot, pending: [] }], ask, (source) => ask(work(source)))
    } catch (error) {
      // Of a snapshot that is not there Trino only says that it does not support that.
      if (!(error instanceof TrinoQueryError) || error.errorType !== 'USER_ERROR') throw error
      const known = await allSnapshots(options, tables[table])
      throw known.some(({ id }) => id === snapshot) ? error : new SnapshotNotFoundError(table, snapshot)
    }
  }

  return {
    async days(rows, generations) {
      const found = await asked(rows, null, (source) => printTrino(daysSelect(rows, generations), source))
      return found.map(([day, count]) => ({
        ...{ day: Number(day), rows: Number(count) },
        bytes: Number(count) * rerunRowBytes,
      }))
    },

    async *read(split, columns, signal) {
      const { pageRows = rerunPageRows } = options
      const { estimatedRows } = split
      const wanted = columnsOf(split.rows.table, columns)
      const read = (rows: Rows) => rows.map(([text]) => readRow(wanted, text))
      if (estimatedRows !== null && estimatedRows <= pageRows) {
        const most = pageRows + 1
        const rows = await asked(
          split.rows,
          signal,
          (source) => `${pageSql(split, wanted, wholeSplit, source)}\nLIMIT ${most}`,
        )
        // A row more than a page: there may be any number, so what came is thrown away, and all is counted.
        if (rows.length < most) {
          if (rows.length > 0) yield read(rows)
          return
        }
      }
      const [[count] = [0]] = await asked(split.rows, signal, (source) => printTrino(countSelect(split), source))
      const pages = Math.ceil(Number(count) / pageRows)
      for (let page = 0; page < pages; page++) {
        yield read(await asked(split.rows, signal, (source) => pageSql(split, wanted, { page, pages }, source)))
      }
    },

    sql: createSql(options, asked),
  }
}

function createSql(
  { writer }: TrinoRerunLakeOptions,
  asked: (rows: AcceptedRows, signal: AbortSignal, work: (source: TableText) => string) => Promise<Rows>,
): RerunSql {
  const columns = hourlyTable.columns.filter(({ name }) => name !== '_publish' && name !== '_row')

  /** Hours of the places; in halves where they are more rows than a statement may give. */
  async function hoursOf(
    split: SplitHours,
    zones: readonly string[],
    signal: AbortSignal,
  ): Promise<readonly LakeRow[]> {
    const places = placesOfSplit(split)
    if (places.length === 0 || split.of.length === 0) return []
    try {
      const rows = await asked(split.rows, signal, (source) => hoursSql({ ...split, places }, zones, columns, source))
      const hours = rows.map(([text]) => readRow(columns, text))
      if (places.length <= generationConditionsMax) return hours
      return hours.filter((row) => places.some((place) => isInPlace(place, String(row.merchant), Number(row.bucket))))
    } catch (error) {
      if (!(error instanceof TrinoResultTooLargeError)) throw error
      const halves = halvesOfHours({ ...split, places })
      if (halves === null) throw error
      const [first, second] = halves
      return [...(await hoursOf(first, zones, signal)), ...(await hoursOf(second, zones, signal))]
    }
  }

  return {
    async merchants(split, signal) {
      const rows = await asked(split.rows, signal, (source) => printTrino(splitMerchantsSelect(split), source))
      return rows.map(([merchant]) => merchant as MerchantId)
    },

    async hours(split, signal) {
      const found = await asked(split.rows, signal, (source) => printTrino(splitZonesSelect(split), source))
      const rowsRead = found.reduce((sum, [, hits]) => sum + Number(hits), 0)
      const zones = found.map(([zone]) => String(zone)).filter(isZone)
      const rows = zones.length === 0 ? [] : await hoursOf(split, zones, signal)
      if (rows.length === 0) return { staged: null, days: [], rowsRead }
      const days = new Map<string, { readonly merchant: MerchantId; readonly day: number }>()
      for (const { merchant, bucket } of rows) {
        const day = utcDay(Number(bucket))
        days.set(`${day} ${merchant}`, { merchant: merchant as MerchantId, day })
      }
      signal.throwIfAborted()
      return { staged: await writer.stage('hourly', split.name, rows), days: [...days.values()], rowsRead }
    },
  }
}

function hoursSql(split: SplitHours, zones: readonly string[], columns: readonly Column[], source: TableText): string {
  const hits = (_: TableName, names: readonly string[]) =>
    `(\n${printTrinoRelation(splitHitsSelect(split, names), source)}\n)`
  const hours = printTrinoRelation(hourlySelect(splitQuestion(split), zones), hits)
  return `SELECT ${rowText(columns, 'hours')}
FROM (
${hours}
) AS "hours"
WHERE ${printTrinoExpression(split.places.length > generationConditionsMax ? boolean(true) : isInPlaces(split.places, 'hours'))}`
}

interface Page {
  readonly page: number
  readonly pages: number
}

const wholeSplit: Page = { page: 0, pages: 1 }

function pageSql(split: SplitRows, columns: readonly Column[], { page, pages }: Page, source: TableText): string {
  const { table } = split.rows
  const names = [...new Set([...columns.map(({ name }) => name), ...filterColumns(table), '_row'])]
  const where = and(isOfSplit(split, 'rows'), ...(pages === 1 ? [] : [isOfPage(page, pages)]))
  return `SELECT ${rowText(columns, 'rows')}
FROM ${source(table, names)} AS "rows"
WHERE ${printTrinoExpression(where)}`
}

/** Rows of a publication are numbered, so pages are of about one length. */
function isOfPage(page: number, pages: number): Expression {
  const row = column('_row', 'rows')
  const times = { kind: 'floorDivide', of: row, by: pages } as const
  return compare(arithmetic(row, '-', arithmetic(times, '*', whole(pages))), '=', whole(page))
}

function countSelect(split: SplitRows): Select {
  return {
    columns: [{ expression: { kind: 'count' }, as: 'rows' }],
    from: from(split.rows.table, filterColumns(split.rows.table)),
    where: isOfSplit(split, 'rows'),
  }
}

function daysSelect({ table, after, through }: AcceptedRows, generations: readonly number[] | undefined): Select {
  const time = partitionTime(tables[table]).column
  const day: Expression = { kind: 'floorDivide', of: { kind: 'epochMs', of: column(time, 'rows') }, by: dayMs }
  const publish = column('_publish', 'rows')
  return {
    columns: [
      { expression: day, as: 'day' },
      { expression: { kind: 'count' }, as: 'rows' },
    ],
    from: from(table, ['_publish', '_gen', time]),
    where: and(
      compare(publish, '>', whole(after)),
      ...(through === null ? [] : [compare(publish, '<=', whole(through))]),
      ...(generations === undefined ? [] : [isAnyOf(column('_gen', 'rows'), generations)]),
    ),
    groupBy: [day],
  }
}

const isAnyOf = (of: Expression, values: readonly number[]): Expression => ({
  kind: 'in',
  of,
  literals: values.map((value) => ({ type: 'whole', value })),
})

const from = (table: TableName, columns: readonly string[]): Select['from'] => ({
  relation: { kind: 'table', table, columns },
  as: 'rows',
})

function filterColumns(table: AcceptedRows['table']): readonly string[] {
  return ['merchant', '_publish', '_gen', partitionTime(tables[table]).column]
}

function columnsOf(table: AcceptedRows['table'], names: readonly string[]): readonly Column[] {
  return tables[table].columns.filter(({ name }) => names.includes(name))
}
