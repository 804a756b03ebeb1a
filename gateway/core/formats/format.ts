/**
 * The forms an answer comes in, and which of them a request gets: `?format=` where it is given, else the header `Accept`
 * (RFC 9110, 12.5.1), else JSON.
 */
import { ProblemError } from '../problem.ts'
import { quoted, refusal } from '../query/faults.ts'

export const formatNames = ['json', 'ndjson', 'csv', 'arrow'] as const
export type FormatName = (typeof formatNames)[number]

export interface Format {
  readonly name: FormatName
  /** As `Accept` names it. */
  readonly mediaType: string
  readonly contentType: string
  readonly doc: string
}

/** In the order of preference where a request has none. */
export const formats: readonly Format[] = [
  {
    name: 'json',
    mediaType: 'application/json',
    contentType: 'application/json; charset=utf-8',
    doc: 'one document',
  },
  {
    name: 'ndjson',
    mediaType: 'application/x-ndjson',
    contentType: 'application/x-ndjson; charset=utf-8',
    doc: 'a row a line, as in the JSON; the last line is the rest of the document, with `meta`',
  },
  {
    name: 'csv',
    mediaType: 'text/csv',
    contentType: 'text/csv; charset=utf-8; header=present',
    doc: 'RFC 4180 with a header row; `meta` is in the header `Hitlake-Meta`',
  },
  {
    name: 'arrow',
    mediaType: 'application/vnd.apache.arrow.stream',
    contentType: 'application/vnd.apache.arrow.stream',
    doc: "an Apache Arrow IPC stream; the rest of the document is in the schema's metadata, as JSON under `hitlake`",
  },
]

export function formatOf(name: FormatName): Format {
  return formats.find((each) => each.name === name) as Format
}

/**
 * `format`: the parameter as sent. @throws ProblemError 400 `unknown_format`; 406 `not_acceptable`, where `Accept` leaves
 * none of the formats
 */
export function chooseFormat(asked: { readonly format: unknown; readonly accept: string | undefined }): FormatName {
  const { format, accept } = asked
  if (format !== undefined) return namedFormat(format)
  if (accept === undefined || accept === '*/*' || accept === 'application/json') return 'json'
  const ranges = accept.split(',').flatMap((text) => mediaRange(text) ?? [])
  let best: Format | undefined
  let bestWeight = 0
  for (const each of formats) {
    const weight = weightOf(each.mediaType, ranges)
    if (weight > bestWeight) [best, bestWeight] = [each, weight]
  }
  if (best !== undefined) return best.name
  const allowed = formats.map(({ mediaType }) => mediaType)
  const detail = `no form of this answer is among those that Accept names; there are ${allowed.join(', ')}`
  throw new ProblemError(406, 'not_acceptable', detail, { allowed })
}

function namedFormat(value: unknown): FormatName {
  const name = formatNames.find((each) => each === value)
  if (name !== undefined) return name
  const what = typeof value === 'string' ? quoted(value) : 'by two names'
  const message = `there is no format ${what}; there are ${formatNames.join(', ')}`
  throw refusal([{ pointer: '/format', code: 'unknown_format', message, allowed: formatNames }])
}

interface MediaRange {
  /** In lower case; `*` for any. */
  readonly type: string
  readonly subtype: string
  /** 0 to 1; 0: not this. */
  readonly weight: number
}

/** Undefined for what is no media range. Parameters other than the weight tell our formats apart from nothing. */
function mediaRange(text: string): MediaRange | undefined {
  const [range = '', ...parameters] = text.split(';').map((part) => part.trim().toLowerCase())
  const [type, subtype, ...more] = range.split('/')
  if (!type || !subtype || more.length > 0) return undefined
  const weightText = parameters.find((part) => part.startsWith('q='))?.slice(2) ?? '1'
  if (!/^(0(\.\d{0,3})?|1(\.0{0,3})?)$/.test(weightText)) return undefined
  return { type, subtype, weight: Number(weightText) }
}

/** What the most exact range that holds the media type says of it. */
function weightOf(mediaType: string, ranges: readonly MediaRange[]): number {
  const [type, subtype] = mediaType.split('/')
  let weight = 0
  let best = 0
  for (const range of ranges) {
    const exactness =
      range.type === type ? (range.subtype === subtype ? 3 : range.subtype === '*' ? 2 : 0) : anyOf(range)
    if (exactness > best) [best, weight] = [exactness, range.weight]
  }
  return weight
}

function anyOf({ type, subtype }: MediaRange): number {
  return type === '*' && subtype === '*' ? 1 : 0
}
