/** A finished answer in one of its forms, with all that its headers say. */
import type { AnswerMeta, QueryAnswer, SeriesAnswer } from '../query/answer.ts'
import { queryJson, rowJson } from '../query/answer-json.ts'
import { bucketJson } from '../time-series-body.ts'
import { csvText } from './csv.ts'
import { type FormatName, formatOf } from './format.ts'
import { type AnswerTable, queryTable, seriesTable } from './table.ts'
import { contentHash, entityTag, standingMeta } from './tag.ts'

export interface Representation {
  readonly body: string | Uint8Array
  readonly contentType: string
  /** Strong: bodies of one tag are equal byte by byte. */
  readonly tag: string
  /** ISO text in UTC: `meta.asOf` of this answer. */
  readonly asOf: string
  /** JSON of `meta`, where the body has no place for it. */
  readonly meta?: string
}

/** `meta` in a header is at most this long; beyond it `nextCursor` is null there: the other formats have it. */
export const metaHeaderMaxLength = 8_192

interface Parts {
  /** JSON of each row. */
  readonly rows: readonly string[]
  /** Members of the JSON document besides rows and `meta`. */
  readonly rest: Readonly<Record<string, unknown>>
  readonly table: (options: Flagged) => AnswerTable
}

interface Flagged {
  readonly flagged: boolean
}

export async function representQuery(answer: QueryAnswer, format: FormatName): Promise<Representation> {
  const rows = answer.rows.map(rowJson)
  const parts = { rows, rest: { query: answer.query }, table: (options: Flagged) => queryTable(answer, options) }
  const body = format === 'json' ? queryJson(answer, rows) : await bodyOf(answer.meta, format, parts)
  return represented(answer.meta, { format, body, hash: hashOf(answer.meta, parts) })
}

/** The JSON of a time series is written by `time-series.ts`, which remembers it. */
export async function representSeries(
  answer: SeriesAnswer,
  format: Exclude<FormatName, 'json'>,
): Promise<Representation> {
  const { merchant, interval, timeZone, currency, meta } = answer
  const parts = {
    rows: answer.buckets.map((bucket) => bucketJson(answer.metrics, bucket)),
    rest: { merchant, interval, timeZone, currency },
    table: () => seriesTable(answer),
  }
  return represented(meta, { format, body: await bodyOf(meta, format, parts), hash: hashOf(meta, parts) })
}

/** `hash`: of the content without what moves (`tag.ts`). */
export function represented(
  meta: AnswerMeta,
  made: { readonly format: FormatName; readonly body: string | Uint8Array; readonly hash: string },
): Representation {
  const { format, body, hash } = made
  const { asOf, complete, servedFrom: served } = meta
  return {
    body,
    contentType: formatOf(format).contentType,
    tag: entityTag({ format, hash, complete, asOfMs: Date.parse(asOf), served }),
    asOf,
    ...(format === 'csv' && { meta: metaHeader(meta) }),
  }
}

function hashOf(meta: AnswerMeta, { rows, rest }: Parts): string {
  return contentHash([...rows, standingMeta(meta), JSON.stringify(rest)])
}

async function bodyOf(
  meta: AnswerMeta,
  format: Exclude<FormatName, 'json'>,
  { rows, rest, table }: Parts,
): Promise<string | Uint8Array> {
  switch (format) {
    case 'ndjson':
      return [...rows, JSON.stringify({ ...rest, meta }), ''].join('\n')
    case 'csv':
      // The label of the row beyond the cut is told from a value by the apostrophe that such a value gets.
      return csvText(table({ flagged: false }))
    case 'arrow': {
      // Loaded when it is first asked for: most processes never are.
      const { arrowStream } = await import('./arrow.ts')
      return arrowStream(table({ flagged: true }), JSON.stringify({ ...rest, meta }))
    }
  }
}

function metaHeader(meta: AnswerMeta): string {
  const whole = headerJson(meta)
  return whole.length <= metaHeaderMaxLength ? whole : headerJson({ ...meta, nextCursor: null })
}

/** Headers are ASCII. */
function headerJson(value: unknown): string {
  return JSON.stringify(value).replace(/[^ -~]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
