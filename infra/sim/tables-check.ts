/** What the tables and the books say at rest, held against the model. Read past the simulated processes. */
import type { Books } from '../../core/ports/control-store.ts'
import type { LakeRow, TableName } from '../../core/tables.ts'
import type { DueGenerations } from './generations.ts'
import { type Counted, type Expected, hoursOf, placeKey } from './model.ts'
import type { Servers } from './servers.ts'
import { expectEqual, Wrong } from './wrong.ts'

export async function rowsOf({ store, lake }: Servers, table: TableName): Promise<readonly LakeRow[]> {
  const rows: LakeRow[] = []
  for await (const some of lake.scan(await store.tableView(table))) rows.push(...some)
  return rows
}

const placeOf = (row: LakeRow) => placeKey(Number(row._part), Number(row._off), Number(row._idx))

/** `expected`: by generation; of others there must be no row. @throws Wrong */
export async function checkTables(servers: Servers, expected: DueGenerations['rows']): Promise<void> {
  const tables = {
    hits: await rowsOf(servers, 'hits'),
    failed_hits: await rowsOf(servers, 'failed_hits'),
    hourly: await rowsOf(servers, 'hourly'),
  }
  for (const [table, rows] of Object.entries(tables)) {
    const others = new Set(rows.map(({ _gen }) => Number(_gen)).filter((generation) => !expected.has(generation)))
    if (others.size > 0) throw new Wrong('generation', `${table} has rows of generation ${[...others].join(', ')}`)
  }
  for (const [generation, { expected: of, leaves }] of expected) {
    const own = (rows: readonly LakeRow[]) =>
      rows.filter(({ _gen, merchant }) => Number(_gen) === generation && !leaves(merchant))
    checkGeneration({ hits: own(tables.hits), failed: own(tables.failed_hits), hourly: own(tables.hourly) }, of)
  }
  for (const table of ['hits', 'failed_hits'] as const) await checkNumbering(servers, table)
}

interface GenerationRows {
  readonly hits: readonly LakeRow[]
  readonly failed: readonly LakeRow[]
  readonly hourly: readonly LakeRow[]
}

function checkGeneration({ hits, failed, hourly }: GenerationRows, expected: Expected): void {
  checkPlaces('hits', hits, [...expected.hits.keys()])
  for (const row of hits) {
    const { batch, hit } = expected.hits.get(placeOf(row)) as NonNullable<ReturnType<Expected['hits']['get']>>
    const found = [
      row.merchant,
      row.id,
      row.name,
      row.time,
      row.received,
      row.visitor,
      row.url,
      row.revenue_micros === null ? null : Number(row.revenue_micros),
    ]
    const { id, name, time, visitor, url, revenue } = hit
    const sent = [
      batch.merchant,
      id,
      name,
      time,
      batch.received,
      visitor,
      url,
      revenue === null ? null : Number(revenue.micros),
    ]
    expectEqual('altered', `the hit at ${placeOf(row)}`, found, sent)
  }
  checkPlaces('failed_hits', failed, [...expected.failed.keys()])
  for (const row of failed) {
    expectEqual('reason', `that of ${placeOf(row)}`, row.reason, expected.failed.get(placeOf(row)))
  }
  checkHourly(hourly, hoursOf(expected.hits.values()))
}

/** Every place that is due, once, and no other. */
function checkPlaces(table: string, rows: readonly LakeRow[], due: readonly string[]): void {
  const found = rows.map(placeOf)
  const unique = new Set(found)
  if (unique.size < found.length) {
    const twice = found.filter((place, at) => found.indexOf(place) !== at)
    throw new Wrong('doubled', `${table} has ${twice.slice(0, 5).join(', ')} more than once`)
  }
  const missing = due.filter((place) => !unique.has(place))
  if (missing.length > 0) throw new Wrong('lost', `${table} lacks ${missing.length}: ${missing.slice(0, 5).join(', ')}`)
  const expected = new Set(due)
  const more = found.filter((place) => !expected.has(place))
  if (more.length > 0) throw new Wrong('not due', `${table} has ${more.slice(0, 5).join(', ')}, which it must not`)
}

function checkHourly(rows: readonly LakeRow[], expected: ReadonlyMap<string, Counted>): void {
  const totals = new Map<
    string,
    { hits: number; pageviews: number; orders: number; revenue: bigint; visitors: Set<bigint> }
  >()
  /** Of breakdowns by value that every hit has: the sum is the total. */
  const names = new Map<string, number>()
  for (const row of rows) {
    const key = `${row.merchant} ${row.bucket}`
    if (row.breakdown === 'name') names.set(key, (names.get(key) ?? 0) + Number(row.hits))
    if (row.breakdown !== 'total') continue
    const hour = totals.get(key) ?? { hits: 0, pageviews: 0, orders: 0, revenue: 0n, visitors: new Set() }
    totals.set(key, hour)
    hour.hits += Number(row.hits)
    hour.pageviews += Number(row.pageviews)
    hour.orders += Number(row.orders)
    hour.revenue += BigInt(row.revenue_micros as bigint)
    for (const visitor of row.visitors as readonly bigint[]) hour.visitors.add(visitor)
  }
  const found = [...totals]
    .filter(([, { hits }]) => hits > 0)
    .map(([key, { visitors, ...hour }]) => [key, hour.hits, hour.pageviews, hour.orders, hour.revenue, visitors.size])
  const due = [...expected].map(([key, { visitors, ...hour }]) => [
    ...[key, hour.hits, hour.pageviews, hour.orders, hour.revenueMicros, visitors.size],
  ])
  expectEqual('recount', 'hourly, merged,', sorted(found), sorted(due))
  const named = [...names].filter(([, hits]) => hits > 0)
  expectEqual('recount', 'hourly by name', sorted(named), sorted([...expected].map(([key, { hits }]) => [key, hits])))
}

const sorted = <T extends readonly unknown[]>(rows: readonly T[]) =>
  [...rows].sort((a, b) => (String(a[0]) < String(b[0]) ? -1 : 1))

/** `_publish` and `_row` name a row of the tables that are not folded. */
async function checkNumbering({ store, lake }: Servers, table: TableName): Promise<void> {
  const { snapshot } = await store.tableView(table)
  const seen = new Set<string>()
  for await (const rows of lake.scan({ table, snapshot, pending: [] })) {
    for (const { _publish, _row } of rows) {
      const name = `${_publish}/${_row}`
      if (seen.has(name)) throw new Wrong('numbering', `${table} has two rows ${name}`)
      seen.add(name)
    }
  }
}

/** @throws Wrong where the books do not balance, or say another thing than the model */
export function checkBooks(
  books: Pick<Books, 'accepted' | 'stored' | 'duplicates' | 'failed' | 'dropped'>,
  expected: Expected,
  counted: 'by the first plan' | 'by two plans' = 'by the first plan',
): void {
  const dropped = Object.values(books.dropped).reduce((sum, each) => sum + each, 0)
  const { accepted, stored, duplicates, failed } = books
  expectEqual('books', 'accepted', accepted, expected.all)
  expectEqual('books', 'what became of it', stored + duplicates + failed + dropped, accepted)
  expectEqual('books', 'duplicates', duplicates, expected.duplicates)
  // What is erased was stored, or refused, before it was taken out again; or it was dropped.
  if (expected.removed > 0 || counted === 'by two plans') return
  expectEqual('books', 'failed', failed, expected.failed.size)
  expectEqual('books', 'stored', stored, expected.hits.size)
}
