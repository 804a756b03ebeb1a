/** `hitlake query`: asks `POST /v1/query` and shows the answer as a table, with a chart where it goes along time. */
import { CommandError } from '../../core/errors.ts'
import { type Api, problemText } from '../client/api.ts'
import type { Terminal } from '../client/terminal.ts'
import { chartLines } from './chart.ts'
import { tableLines } from './table.ts'

export interface QueryOptions {
  readonly merchant: string
  readonly metrics: string
  /** `7d` and its like, or two dates or instants with `..` between. */
  readonly range: string
  readonly by?: string
  /** `dimension=value`, `dimension!=value`, `dimension~part`, or the JSON of a filter. */
  readonly filter?: readonly string[]
  readonly order?: string
  readonly limit?: number
  readonly compare?: string
  readonly timeZone?: string
  readonly json?: true
  readonly csv?: true
}

interface QueryReply {
  readonly results: readonly {
    readonly dimensions: readonly (string | null)[]
    readonly metrics: readonly (number | string | null)[]
    readonly compare?: readonly (number | string | null)[]
    readonly other?: true
  }[]
  readonly meta: {
    readonly currency: string
    readonly approximate?: { readonly visitors?: number }
    readonly nextCursor?: string
    readonly stale?: true
  }
}

/** @throws CommandError with the server's own words where it refuses the question */
export async function runQuery(api: Api, options: QueryOptions, terminal: Terminal): Promise<void> {
  const question = questionOf(options)
  const format = options.csv === true ? 'csv' : 'json'
  const reply = await api.post(`/v1/query?format=${format}`, question, 'repeatable')
  if (reply.status !== 200) throw new CommandError(problemText(reply))
  if (options.csv === true) return terminal.out(String(reply.body).trimEnd())
  if (options.json === true) return terminal.out(JSON.stringify(reply.body))
  for (const line of shown(reply.body as QueryReply, question, terminal)) terminal.out(line)
}

interface AskedQuestion {
  readonly metrics: readonly string[]
  readonly dimensions: readonly string[]
}

function questionOf(options: QueryOptions): AskedQuestion & Readonly<Record<string, unknown>> {
  const { merchant, range, order, limit, compare, timeZone } = options
  return {
    merchant,
    metrics: list(options.metrics),
    dateRange: rangeOf(range),
    dimensions: list(options.by ?? ''),
    filters: (options.filter ?? []).map(filterOf),
    ...(order !== undefined && { orderBy: list(order).map((each) => each.split(':')) }),
    ...(limit !== undefined && { limit }),
    ...(compare !== undefined && { compare: rangeOf(compare) }),
    ...(timeZone !== undefined && { timeZone }),
  }
}

const list = (text: string) => text.split(',').filter((each) => each !== '')

function rangeOf(text: string): string | readonly string[] {
  return text.includes('..') ? text.split('..') : text
}

function filterOf(text: string): unknown {
  if (text.startsWith('[')) {
    try {
      return JSON.parse(text)
    } catch {
      throw new CommandError(`--filter ${text} is not JSON; send ["is", "page", ["/"]], or page=/`)
    }
  }
  const [, dimension, operator = '', value] = /^([^=!~]+)(!=|!~|=|~)(.*)$/s.exec(text) ?? []
  if (dimension === undefined) throw new CommandError(`--filter ${text} is none: send page=/, page!=/ or page~part`)
  const operators: Readonly<Record<string, string>> = {
    '=': 'is',
    '!=': 'is_not',
    '~': 'contains',
    '!~': 'contains_not',
  }
  return [operators[operator], dimension, [value === '' ? null : value]]
}

function shown(reply: QueryReply, { dimensions, metrics }: AskedQuestion, terminal: Terminal): string[] {
  const { results, meta } = reply
  if (results.length === 0) return ['nothing in this range']
  const compared = results.some((row) => row.compare !== undefined)
  const header = [...dimensions, ...metrics.flatMap((metric) => (compared ? [metric, 'before'] : [metric]))]
  const rows = results.map((row) => [
    ...row.dimensions.map((value) => (row.other === true ? '(other)' : (value ?? '—'))),
    ...metrics.flatMap((metric, i) => {
      const now = cell(metric, row.metrics[i] ?? null, meta.currency)
      return compared ? [now, cell(metric, row.compare?.[i] ?? null, meta.currency)] : [now]
    }),
  ])
  const lines = tableLines(header, rows, { textColumns: dimensions.length, width: terminal.width })
  const [first] = dimensions
  if (dimensions.length === 1 && first?.startsWith('time:') && results.length > 1) {
    const points = results.map((row) => ({ label: String(row.dimensions[0]), value: Number(row.metrics[0] ?? 0) }))
    lines.push('', ...chartLines(points, { title: metrics[0] ?? '', width: terminal.width }))
  }
  const notes = [
    ...(meta.approximate?.visitors === undefined
      ? []
      : [`visitors ± ${(meta.approximate.visitors * 100).toFixed(1)} %`]),
    ...(meta.stale === true ? ['the engine does not answer: these are the last known numbers'] : []),
    ...(meta.nextCursor === undefined ? [] : [`more rows: --limit, or the cursor ${meta.nextCursor} in the API`]),
  ]
  return notes.length === 0 ? lines : [...lines, '', ...notes]
}

function cell(metric: string, value: number | string | null, currency: string): string {
  if (value === null) return '—'
  if (metric === 'revenue') return `${value} ${currency}`
  if (metric === 'bounce_rate' || metric === 'conversion_rate') return `${(Number(value) * 100).toFixed(1)} %`
  if (metric === 'session_duration') return `${Math.round(Number(value))} s`
  if (metric.startsWith('load_')) return `${Math.round(Number(value))} ms`
  return typeof value === 'number' ? value.toLocaleString('en', { maximumFractionDigits: 2 }) : value
}
