/**
 * Parquet files in a proof of erasure, by DuckDB: all text of every column, in lists, structs and JSON too, hashes of
 * visitors, and the statistics of the footer. Files of any writer; what a column means is told by its name and type.
 */
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import type { Timers } from '../../../core/ports/clock.ts'
import type { ParquetSearch } from '../../core/erasure-proof/ports.ts'
import type { ErasedQuestion, Needle } from '../../core/erasure-proof/question.ts'
import { withConnection } from './parquet.ts'
import { quoteName, quoteText, textLiteral } from './parquet-sql.ts'

/** A file that takes longer counts as not read. */
export const defaultFileTimeoutMs = 10 * 60_000

const interruptAgainMs = 100
const hourMs = 3_600_000

export function createErasedParquet(options: {
  readonly instance: DuckDBInstance
  readonly timers: Timers
  readonly fileTimeoutMs?: number
}): ParquetSearch {
  const { instance, timers, fileTimeoutMs = defaultFileTimeoutMs } = options

  /** @throws RangeError after the time of a file */
  function within<T>(work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
    return withConnection(instance, async (connection) => {
      let isLate = false
      // Between two statements there is nothing to interrupt: so again, until the next one is met.
      const interruptAfter = (ms: number) =>
        timers.after(ms, () => {
          isLate = true
          connection.interrupt()
          cancel = interruptAfter(interruptAgainMs)
        })
      let cancel = interruptAfter(fileTimeoutMs)
      const late = (cause?: unknown) => new RangeError(`it took longer than ${fileTimeoutMs} ms`, { cause })
      try {
        const found = await work(connection)
        if (isLate) throw late()
        return found
      } catch (error) {
        throw isLate ? late(error) : error
      } finally {
        cancel()
      }
    })
  }

  return {
    laterHours: (path, question) =>
      within(async (connection) => {
        const columns = await columnsOf(connection, path)
        const own = ofSubject(question, columns)
        const needed = ['merchant', 'received', 'time'].every((name) => columns.has(name))
        if (!needed || own === null) return []
        const found = await rows(
          connection,
          `SELECT DISTINCT epoch_ms(time) // ${hourMs} FROM ${fileOf(path)}
           WHERE merchant = ${textLiteral(question.merchant)} AND epoch_ms(received) > ${question.through} AND ${own}`,
        )
        return found.map(([hour]) => Number(hour))
      }),

    search: (path, { question, needle, laterHours }) =>
      within(async (connection) => {
        const columns = await columnsOf(connection, path)
        const matches = matchesOf(columns, question, needle)
        const scope = scopeOf(columns, question, laterHours)
        const counts = matches.map(({ is }) => `count_if(erasable AND (${is})), count_if(NOT erasable AND (${is}))`)
        const [found] =
          matches.length === 0
            ? [[]]
            : await rows(
                connection,
                `SELECT ${counts.join(', ')} FROM (SELECT *, coalesce(${scope}, true) AS erasable FROM ${fileOf(path)})`,
              )
        const numbers = (found ?? []).map(Number)
        const finds = matches.flatMap(({ where }, at) => {
          const count = numbers[2 * at] ?? 0
          return count === 0 ? [] : [{ where, rows: count }]
        })
        const explainedRows = Math.max(0, ...matches.map((_, at) => numbers[2 * at + 1] ?? 0))
        // Statistics of rows that there are say no more than the rows do.
        const footer = finds.length > 0 || explainedRows > 0 ? [] : await searchFooter(connection, path, needle)
        return { finds: [...finds, ...footer], explainedRows }
      }),

    hasOtherValue: (path, prefix, value) =>
      within(async (connection) => {
        const texts = [...(await columnsOf(connection, path))].filter(([, type]) => type === 'VARCHAR')
        const others = texts.map(
          ([name]) =>
            `(starts_with(${quoteName(name)}, ${textLiteral(prefix)}) AND ${quoteName(name)} <> ${textLiteral(value)})`,
        )
        if (others.length === 0) return false
        return (await rows(connection, `SELECT 1 FROM ${fileOf(path)} WHERE ${others.join(' OR ')} LIMIT 1`)).length > 0
      }),
  }
}

type Columns = ReadonlyMap<string, string>

const fileOf = (path: string) => `read_parquet(${quoteText(path)}, hive_partitioning = false)`

async function rows(connection: DuckDBConnection, sql: string): Promise<readonly (readonly unknown[])[]> {
  return (await connection.runAndReadAll(sql)).getRows()
}

async function columnsOf(connection: DuckDBConnection, path: string): Promise<Columns> {
  const found = await rows(connection, `DESCRIBE SELECT * FROM ${fileOf(path)}`)
  return new Map(found.map(([name, type]) => [String(name), String(type)]))
}

/** Rows of hits of the subject; null where the file has no such column. */
function ofSubject({ subject }: ErasedQuestion, columns: Columns): string | null {
  if (subject.kind === 'merchant') return 'true'
  return columns.has(subject.kind) ? `${quoteName(subject.kind)} = ${textLiteral(subject.value)}` : null
}

/**
 * Rows that the erasure takes: the merchant's, received up to its moment. Rows made of hits (visits, numbers of an hour or
 * a day) tell their time only: where a hit of the subject came later into it, what they hold may be of that one.
 */
function scopeOf(columns: Columns, question: ErasedQuestion, laterHours: ReadonlySet<number>): string {
  const has = (name: string) => columns.has(name)
  const parts: string[] = []
  if (has('merchant')) parts.push(`coalesce(merchant = ${textLiteral(question.merchant)}, true)`)
  if (has('received')) parts.push(`coalesce(epoch_ms(received) <= ${question.through}, true)`)
  else if (has('bucket') || has('start')) {
    const start = `epoch_ms(${quoteName(has('bucket') ? 'bucket' : 'start')})`
    const ends = ['bucket_end', 'end'].find(has)
    const end = ends === undefined ? `${start} + ${hourMs}` : `epoch_ms(${quoteName(ends)}) + 1`
    parts.push(`coalesce(${start} <= ${question.through}, true)`)
    if (laterHours.size > 0) {
      const hours = `[${[...laterHours].join(', ')}]::BIGINT[]`
      parts.push(
        `NOT coalesce(len(list_filter(${hours}, h -> h * ${hourMs} < ${end} AND (h + 1) * ${hourMs} > ${start})) > 0, false)`,
      )
    }
  }
  return parts.length === 0 ? 'true' : parts.join(' AND ')
}

interface Match {
  readonly where: string
  /** Never null. */
  readonly is: string
}

function matchesOf(columns: Columns, question: ErasedQuestion, needle: Needle): readonly Match[] {
  if (needle.value === null) {
    // Files without a merchant (position deletes) hold nothing of one.
    return columns.has('merchant') ? [{ where: 'rows of the merchant', is: ownRow(question) }] : []
  }
  const { value } = needle
  const hash = question.visitorHash
  return [...columns].flatMap(([name, type]): Match[] => {
    const column = quoteName(name)
    const where = `column ${name}`
    const text = (of: string) =>
      [`${of} = ${textLiteral(value)}`, ...needle.words.map((word) => `contains(${of}, ${textLiteral(word)})`)].join(
        ' OR ',
      )
    if (type === 'VARCHAR') return [{ where, is: `coalesce(${text(column)}, false)` }]
    if (hash !== null && type === 'BIGINT' && name === 'visitor_hash') {
      return [{ where, is: `coalesce(${column} = ${hash}, false)` }]
    }
    if (hash !== null && type === 'BIGINT[]')
      return [{ where, is: `coalesce(list_contains(${column}, ${hash}), false)` }]
    if (!/VARCHAR|BLOB|JSON/.test(type)) return []
    if (type === 'BLOB') return [{ where, is: `coalesce(${inBlob(column, needle)}, false)` }]
    // Nested text, as JSON: a value is a string of it, so short ones are found too.
    return [{ where, is: `coalesce(${text(`CAST(to_json(${column}) AS VARCHAR)`)}, false)` }]
  })
}

/** As text DuckDB would escape some of its bytes. */
function inBlob(column: string, { value, words }: Needle): string {
  const hex = (text: string) => quoteText(Buffer.from(text).toString('hex').toUpperCase())
  return [
    `hex(${column}) = ${hex(value ?? '')}`,
    ...words.map((word) => `contains(hex(${column}), ${hex(word)})`),
  ].join(' OR ')
}

const ownRow = ({ merchant }: ErasedQuestion) => `coalesce(merchant = ${textLiteral(merchant)}, false)`

async function searchFooter(connection: DuckDBConnection, path: string, needle: Needle) {
  const statistics = await rows(
    connection,
    `SELECT DISTINCT path_in_schema, unnest([stats_min, stats_max, stats_min_value, stats_max_value])
     FROM parquet_metadata(${quoteText(path)})`,
  )
  const named = statistics.filter(([, text]) => typeof text === 'string' && needle.inText(text))
  return [...new Set(named.map(([column]) => `footer statistics of ${String(column)}`))].map((where) => ({
    where,
    rows: 0,
  }))
}
