/** What the suites of query engines share: rows, views, questions. Rows get into the lake as pipelines put them there. */
import { dayMs, eventTime, hourMs } from '../event-time.ts'
import type { MerchantGenerations } from '../generations.ts'
import type { MerchantId } from '../ids.ts'
import type { LakeRow, TableName } from '../tables.ts'
import type { LakeWriter, StagedFile, TableView } from './lake.ts'
import type { HitsGroup, Piece, QueryEngine, RawQuestion, RollupQuestion } from './query-engine.ts'

export interface LakeAndEngine {
  readonly lake: Pick<LakeWriter, 'stage' | 'publish'>
  readonly engine: QueryEngine
}

export interface EngineUnderTest {
  /** An empty lake, and the engine over it. */
  open(): Promise<LakeAndEngine>
  /**
   * Whether the engine reads committed files that are not published yet. One that does not is for a store that calls
   * visible only what is published; the suite then publishes every file.
   */
  readonly pendingFiles: 'read' | 'left out'
  /** Another engine, over an empty lake of its own, that this one is held equal to on drawn questions. */
  readonly reference?: () => Promise<LakeAndEngine>
  /** Drawn data sets for each comparison. */
  readonly recounts?: number
}

export const noon = eventTime('2026-03-29T12:00:00Z')
export const tea = 'tea-house' as MerchantId

export function partialRow(more: LakeRow = {}): LakeRow {
  return {
    merchant: tea,
    bucket: noon,
    breakdown: 'total',
    value: '',
    hits: 1,
    pageviews: 1,
    visitors: [7n],
    orders: 0,
    revenue_micros: 0n,
    _src: 'feed',
    _part: 0,
    _off_from: 0,
    _off_to: 0,
    _gen: 1,
    ...more,
  }
}

/** Of `daily`: the day that begins at `bucket`. */
export function dailyRow(more: LakeRow = {}): LakeRow {
  const row = partialRow(more)
  return { ...row, bucket_end: Number(row.bucket) + dayMs }
}

export function rawRow(more: LakeRow = {}): LakeRow {
  return {
    merchant: tea,
    id: 'a',
    name: 'page_view',
    time: noon,
    received: noon,
    visitor: 'v',
    currency: 'EUR',
    bot: false,
    visitor_hash: 7n,
    _src: 'feed',
    _part: 0,
    _off: 0,
    _idx: 0,
    _gen: 1,
    ...more,
  }
}

export const noView = (table: TableName): TableView => ({ table, snapshot: null, pending: [] })

/** Hours as a piece and a bucket each. */
export const hours = (count: number, from: number = noon): Piece[] =>
  Array.from({ length: count }, (_, i) => ({
    start: from + i * hourMs,
    end: from + (i + 1) * hourMs,
    bucket: i,
    stored: null,
  }))

/** One generation answers everything. */
export function answeredBy(generation: number): MerchantGenerations {
  const stretches = [{ from: null, to: null, generation }]
  return { hits: stretches, hourly: stretches }
}

const asked = {
  generations: answeredBy(1),
  merchant: tea,
  dimensions: [],
  filter: null,
  maxGroups: 20_000,
  parts: [],
  sketchSize: 9,
} as const

export function rollupQuestion(
  views: { readonly hourly?: TableView; readonly daily?: TableView },
  pieces: readonly Piece[],
  more: Partial<RollupQuestion> = {},
): RollupQuestion {
  const { hourly = noView('hourly'), daily = noView('daily') } = views
  return { ...asked, from: 'rollup', breakdown: 'total', hourly, daily, pieces, ...more }
}

export function rawQuestion(hits: TableView, pieces: readonly Piece[], more: Partial<RawQuestion> = {}): RawQuestion {
  return { ...asked, from: 'raw', hits, erased: [], pieces, rawRowBudget: 1_000_000, ...more }
}

/** Groups come in no stated order. */
export function inOrder(groups: readonly HitsGroup[]): readonly HitsGroup[] {
  const key = ({ bucket, values, other }: HitsGroup) => JSON.stringify([bucket, other, values])
  return groups.toSorted((a, b) => a.bucket - b.bucket || (key(a) < key(b) ? -1 : 1))
}

/** What a group tells of itself in few words: its values and how many hits it has. */
export const counted = (groups: readonly HitsGroup[]) =>
  inOrder(groups).map(({ values, hits }) => [...values, Number(hits)])

/** An empty lake with its engine, and how rows get into it: see `stagedView`. */
export async function opened({ open, pendingFiles }: EngineUnderTest) {
  const { lake, engine } = await open()
  return {
    engine,
    viewOf: (table: TableName, files: readonly (readonly LakeRow[])[], published = 0) =>
      stagedView(lake, table, files, pendingFiles === 'read' ? published : files.length),
    viewWithPending: (table: TableName, files: readonly (readonly LakeRow[])[], published: number) =>
      stagedView(lake, table, files, published),
    /** Everything published; the file of number i with `_publish` i + 1. */
    publishedView: (table: TableName, files: readonly (readonly LakeRow[])[]) =>
      stagedView(lake, table, files, files.length),
  }
}

/** Stages each list as a file of its own; the first `published` of them are published, in one publication each. */
export async function stagedView(
  lake: Pick<LakeWriter, 'stage' | 'publish'>,
  table: TableName,
  files: readonly (readonly LakeRow[])[],
  published: number,
): Promise<TableView> {
  const staged: StagedFile[] = []
  for (const [index, rows] of files.entries()) staged.push(await lake.stage(table, `staged/${table}-${index}`, rows))
  let snapshot: string | null = null
  for (const [index, file] of staged.slice(0, published).entries()) {
    snapshot = (await lake.publish(table, index + 1, [file])).snapshot
  }
  return { table, snapshot, pending: staged.slice(published) }
}

/** Texts that look like something else to some layer, each of them a text like any other. */
export const hostileValues = [
  '',
  ' ',
  'null',
  'NULL',
  '%',
  '_',
  "'",
  "''; DROP TABLE hits; --",
  '"',
  '\\',
  '\\u0027',
  '\ufeffbom',
  'ü😀',
  '\u2028',
  '[other]',
  'true',
  '0',
  '$.a',
  '{"a":1}',
] as const

/**
 * Halves of them, each value in one at least, by which each is told from every other: for each digit in base two those that
 * have it in their number, counted from 1.
 */
export const hostileHalves = [1, 2, 4, 8, 16].map((digit) =>
  hostileValues.filter((_, place) => ((place + 1) & digit) !== 0),
)
