import { describe, expect, it } from 'vitest'
import { EngineUnavailableError, RawBudgetError } from '../../core/errors.ts'
import { hourMs } from '../../core/event-time.ts'
import type { TableView } from '../../core/ports/lake.ts'
import type { BucketRange, HitsGroup, HitsQuestion } from '../../core/ports/query-engine.ts'
import { breakdownSketchSize, totalSketchSize } from '../../schemas/tables.ts'
import { type Cells, createCells, type HitsCellsQuestion } from './cells.ts'
import { createWorld, engineDown, shop, type World } from './test/time-series-world.ts'
import { knownGenerations } from './versions.ts'

const unchanged = { versionOf: () => 1, generations: knownGenerations([]) }
const unchanging = async () => ({ commit: 0, changes: [], reset: false, positions: [], generations: [] })

const merchant = shop('a', 'UTC')
const start = Date.parse('2026-03-01T09:00:00Z')
const hit = (time: number, visitor = 1n) => ({ merchant, time, name: 'page_view', visitor, micros: 0n })

const hours = (from: number, count: number): BucketRange[] =>
  Array.from({ length: count }, (_, i) => ({
    start: start + (from + i) * hourMs,
    end: start + (from + i + 1) * hourMs,
  }))

const question = (buckets: readonly BucketRange[], from: 'rollup' | 'raw' = 'rollup', asOf = 0): HitsCellsQuestion => ({
  merchant: merchant.id,
  dimensions: [],
  filter: null,
  source: from === 'raw' ? { from, unaligned: true } : { from, breakdown: 'total' },
  parts: ['visitors'],
  buckets,
  asOf,
})

/** Numbers of the only group of each cell; zero where it has none. */
async function series(cells: Cells, asked: HitsCellsQuestion, options: { signal?: AbortSignal } = {}) {
  const answer = await cells.hits(asked, options)
  return {
    ...answer,
    cached: answer.served.filter((each) => each === 'cache').length,
    cells: answer.cells.map(({ groups }) => ({
      hits: Number(groups[0]?.numbers.hits ?? 0n),
      exactHits: groups[0]?.numbers.hits ?? 0n,
      visitors: groups[0]?.numbers.visitors,
    })),
  }
}

/** What the engine was asked, as buckets; no bucket here is cut into pieces. */
const asked = ({ questions }: World) =>
  questions.map(({ pieces }) => pieces.map(({ start, end }): BucketRange => ({ start, end })))

/** A promise and how to let it go. */
function gate() {
  let open = () => {}
  const gate = new Promise<void>((resolve) => {
    open = resolve
  })
  return { gate, open }
}

const settle = () => new Promise((resolve) => setImmediate(resolve))

async function world(): Promise<World> {
  const made = await createWorld('2026-03-01T09:00:00Z')
  made.append(hit(start), hit(start + 1), hit(start + hourMs))
  await made.commit()
  await made.versions.refresh()
  return made
}

describe('cells', () => {
  it('that are missing are asked in one question, those that are there not at all', async () => {
    const made = await world()
    const { cells, questions } = made
    await series(cells, question(hours(1, 2)))
    const answer = await series(cells, question(hours(0, 4)))
    expect(answer.cells.map((cell) => cell.hits)).toEqual([2, 1, 0, 0])
    expect(answer.cached).toBe(2)
    expect(asked(made)).toEqual([hours(1, 2), [...hours(0, 1), ...hours(3, 1)]])
    await series(cells, question(hours(0, 4)))
    expect(questions).toHaveLength(2)
  })

  it('of a day that changed are asked again, those of other days are not', async () => {
    const made = await world()
    const { cells, append, commit, versions } = made
    const [today] = hours(0, 1) as [BucketRange]
    const [tomorrow] = hours(24, 1) as [BucketRange]
    await series(cells, question([today, tomorrow]))
    append(hit(start))
    await commit()
    await versions.refresh()
    const answer = await series(cells, question([today, tomorrow]))
    expect(answer.cells.map((cell) => cell.hits)).toEqual([3, 0])
    expect(asked(made).at(-1)).toEqual([today])
  })

  it('computed while their day changed are not used after it', async () => {
    const { cells, engineMeets, append, commit, versions } = await world()
    const held = gate()
    engineMeets.gate = held.gate
    const early = series(cells, question(hours(0, 1)))
    await settle()
    append(hit(start))
    await commit()
    await versions.refresh()
    held.open()
    expect((await early).cells[0]?.hits).toBe(2) // what it read before the commit
    expect((await series(cells, question(hours(0, 1)))).cells[0]?.hits).toBe(3)
  })

  it('of a slow question do not replace those of a later version', async () => {
    const { cells, engineMeets, append, commit, versions, questions } = await world()
    const held = gate()
    engineMeets.gate = held.gate
    const early = series(cells, question(hours(0, 1)))
    await settle()
    delete engineMeets.gate
    append(hit(start))
    await commit()
    await versions.refresh()
    // Another version: the question under way is not waited for.
    expect((await series(cells, question(hours(0, 1)))).cells[0]?.hits).toBe(3)
    held.open()
    await early
    await series(cells, question(hours(0, 1)))
    expect(questions).toHaveLength(2)
  })

  it('of one source, merchant or length are not those of another', async () => {
    const { cells, questions } = await world()
    const [hour] = hours(0, 1) as [BucketRange]
    const other = shop('b', 'UTC')
    await series(cells, question([hour]))
    await series(cells, question([hour], 'raw'))
    expect((await series(cells, { ...question([hour]), merchant: other.id })).cells[0]?.hits).toBe(0)
    await series(cells, question([{ start: hour.start, end: hour.end + hourMs }]))
    expect(questions).toHaveLength(4)
  })
})

describe('cells of two merchants', () => {
  it('are apart, of hits and of visits, though their days have one version', async () => {
    const made = await createWorld('2026-03-01T09:00:00Z')
    const other = shop('b', 'UTC')
    made.append(hit(start), hit(start + 1), { ...hit(start), merchant: other })
    await made.commit()
    await made.versions.refresh()
    const days = hours(-9, 24)
    const hitsOf = async (of: typeof merchant) =>
      (await series(made.cells, { ...question(hours(0, 1)), merchant: of.id })).cells[0]?.hits
    const visitsOf = async (of: typeof merchant) => {
      const asked = { merchant: of.id, dimensions: [], filter: null, buckets: days, asOf: 0 }
      const { cells } = await made.cells.visits(asked)
      return cells.flatMap(({ groups }) => groups).reduce((sum, { numbers }) => sum + Number(numbers.pageviews), 0)
    }
    expect([await hitsOf(merchant), await hitsOf(other)]).toEqual([2, 1])
    expect([await visitsOf(merchant), await visitsOf(other)]).toEqual([2, 1])
  })
})

describe('equal misses of concurrent requests', () => {
  it('wait for one question', async () => {
    const made = await world()
    const { cells, engineMeets } = made
    const held = gate()
    engineMeets.gate = held.gate
    const answers = [
      series(cells, question(hours(0, 3))),
      series(cells, question(hours(0, 3))),
      series(cells, question(hours(2, 2))),
    ]
    await settle()
    expect(asked(made)).toEqual([hours(0, 3), hours(3, 1)])
    held.open()
    const [first, second, third] = await Promise.all(answers)
    expect(first).toEqual(second)
    expect(third?.cells.map((cell) => cell.hits)).toEqual([0, 0])
  })

  it('go on when the one that asked leaves, and end when the last one leaves', async () => {
    const { cells, engineMeets, questions } = await world()
    let aborted = 0
    engineMeets.onAbort = () => {
      aborted += 1
    }
    const held = gate()
    engineMeets.gate = held.gate
    const [first, second] = [new AbortController(), new AbortController()]
    const leaving = series(cells, question(hours(0, 1)), { signal: first.signal })
    const staying = series(cells, question(hours(0, 1)), { signal: second.signal })
    await settle()
    first.abort(new Error('gone'))
    await expect(leaving).rejects.toThrow('gone')
    expect(aborted).toBe(0)
    second.abort(new Error('gone too'))
    await expect(staying).rejects.toThrow('gone too')
    expect(aborted).toBe(1)
    // Nobody boards what was aborted.
    delete engineMeets.gate
    expect((await series(cells, question(hours(0, 1)))).cells[0]?.hits).toBe(2)
    expect(questions).toHaveLength(2)
    held.open()
  })

  it('that was answered is not aborted when all have taken the answer, and not waited for again', async () => {
    const { cells, engineMeets, questions } = await createWorld('2026-03-01T09:00:00Z', { cellsMaxBytes: 1 })
    let aborted = 0
    engineMeets.onAbort = () => {
      aborted += 1
    }
    for (let n = 1; n <= 3; n++) {
      await series(cells, question(hours(0, 1))) // never kept: the cache is too small for a cell
      expect(questions).toHaveLength(n)
    }
    expect(aborted).toBe(0)
  })

  it('of a client that has left already end at once', async () => {
    const { cells, engineMeets } = await world()
    engineMeets.gate = new Promise(() => {})
    await expect(
      series(cells, question(hours(0, 1)), { signal: AbortSignal.abort(new Error('was gone')) }),
    ).rejects.toThrow('was gone')
  })

  it('fail together, and the next request asks anew', async () => {
    const { cells, engineMeets, questions } = await world()
    engineMeets.error = new Error('a fault')
    const both = [series(cells, question(hours(0, 1))), series(cells, question(hours(0, 1)))]
    for (const one of both) await expect(one).rejects.toThrow('a fault')
    expect(questions).toHaveLength(1)
    delete engineMeets.error
    expect((await series(cells, question(hours(0, 1)))).cells[0]?.hits).toBe(2)
  })

  it('ask for themselves where the question they waited for was over its budget', async () => {
    const { cells, engineMeets, questions } = await world()
    const held = gate()
    engineMeets.gate = held.gate
    engineMeets.error = new RawBudgetError(2_000, 1_000)
    const large = series(cells, question(hours(0, 9), 'raw'))
    const small = series(cells, question(hours(0, 1), 'raw'))
    await settle()
    delete engineMeets.error
    held.open()
    await expect(large).rejects.toThrow(RawBudgetError)
    expect((await small).cells[0]?.hits).toBe(2)
    expect(questions.map(({ pieces }) => pieces.length)).toEqual([9, 1])
  })
})

describe('while the engine is down', () => {
  it('cells of the last known version answer, marked stale, with the freshness they have', async () => {
    const { cells, engineMeets, append, commit, versions } = await world()
    await series(cells, question(hours(0, 1), 'rollup', 100))
    await series(cells, question(hours(1, 1), 'rollup', 150))
    append(hit(start))
    await commit()
    await versions.refresh()
    engineMeets.error = engineDown
    const answer = await series(cells, question(hours(0, 2), 'rollup', 200))
    expect(answer).toMatchObject({ stale: true, asOf: 100, cached: 2 })
    expect(answer.cells.map((cell) => cell.hits)).toEqual([2, 1])
    delete engineMeets.error
    expect(await series(cells, question(hours(0, 2), 'rollup', 300))).toMatchObject({ stale: false, asOf: 300 })
  })

  it('an answer that needs a cell nobody has is refused whole', async () => {
    const { cells, engineMeets } = await world()
    await series(cells, question(hours(0, 1)))
    engineMeets.error = engineDown
    await expect(series(cells, question(hours(0, 2)))).rejects.toThrow(EngineUnavailableError)
    expect(await series(cells, question(hours(0, 1)))).toMatchObject({ stale: false })
  })

  it('a fault that is not the engine being away is no reason for old numbers', async () => {
    const { cells, engineMeets, append, commit, versions } = await world()
    await series(cells, question(hours(0, 1)))
    append(hit(start))
    await commit()
    await versions.refresh()
    engineMeets.error = new Error('a fault')
    await expect(series(cells, question(hours(0, 1)))).rejects.toThrow('a fault')
  })
})

describe('the view that a question reads', () => {
  const row: HitsGroup = {
    bucket: 0,
    values: [],
    other: false,
    hits: 1n,
    pageviews: 0n,
    orders: 0n,
    revenueMicros: 0n,
    visitors: { kept: 1, largest: 5n },
  }

  function engineOf(views: readonly TableView[], answers: readonly (readonly HitsGroup[] | Error)[]) {
    const seen: HitsQuestion[] = []
    let at = 0
    const engine = {
      async hits(asked: HitsQuestion) {
        seen.push(asked)
        const answer = answers[seen.length - 1]
        if (answer instanceof Error) throw answer
        return answer ?? []
      },
      visits: async () => [],
    }
    const store = {
      tableView: async () => views[Math.min(at++, views.length - 1)] as TableView,
      derivedRanges: async () => [],
      erasedOf: async () => new Map(),
      versionsSince: unchanging,
    }
    return { seen, cells: createCells({ engine, store, versions: unchanged }) }
  }
  const view = (snapshot: string, ...names: string[]): TableView => ({
    table: 'hourly',
    snapshot,
    pending: names.map((name) => ({ name, table: 'hourly', rows: 1, bytes: 1, firstDay: 0, lastDay: 0 })),
  })

  it('is taken anew, once, where a publication replaced its files meanwhile', async () => {
    const { seen, cells } = engineOf([view('1', 'staged/x'), view('2')], [engineDown, [row]])
    expect((await series(cells, question(hours(0, 1)))).cells[0]?.hits).toBe(1)
    expect(seen.map((asked) => asked.from === 'rollup' && asked.hourly.snapshot)).toEqual(['1', '2'])
  })

  it('is of the hits for a raw question, else of the hourly rows', async () => {
    const { cells, questions } = await world()
    await series(cells, question(hours(0, 1), 'raw'))
    await series(cells, question(hours(0, 1), 'rollup'))
    expect(questions).toMatchObject([
      { from: 'raw', hits: { table: 'hits' } },
      { from: 'rollup', hourly: { table: 'hourly' }, daily: { table: 'daily' } },
    ])
  })

  it('that is still the same is not asked again', async () => {
    const { seen, cells } = engineOf([view('1', 'staged/x'), view('1', 'staged/x')], [engineDown, [row]])
    await expect(series(cells, question(hours(0, 1)))).rejects.toThrow(EngineUnavailableError)
    expect(seen).toHaveLength(1)
  })

  it('that the control store does not tell is an engine that is away', async () => {
    const away = () => Promise.reject(new Error('the store is away'))
    const cells = createCells({
      engine: { hits: async () => [row], visits: async () => [] },
      store: { tableView: away, derivedRanges: away, erasedOf: away, versionsSince: away },
      versions: unchanged,
    })
    await expect(series(cells, question(hours(0, 1)))).rejects.toThrow(EngineUnavailableError)
  })
})

describe('the parts of a cell', () => {
  const parts = (...wanted: HitsCellsQuestion['parts']) => ({ ...question(hours(0, 1)), parts: wanted })

  it('that it has beyond those asked for do no harm', async () => {
    const { cells, questions } = await world()
    await cells.hits(parts('visitors', 'load'))
    expect((await cells.hits(parts('load'))).served).toEqual(['cache'])
    expect((await cells.hits(parts())).served).toEqual(['cache'])
    expect(questions).toHaveLength(1)
  })

  it('that it lacks are asked with those it has, so that both questions are answered from then on', async () => {
    const { cells, questions } = await world()
    await cells.hits(parts('visitors'))
    await cells.hits(parts('otherRevenue'))
    expect(questions.map((each) => each.from !== 'visits' && each.parts)).toEqual([
      ['visitors'],
      ['visitors', 'otherRevenue'],
    ])
    expect((await cells.hits(parts('visitors'))).served).toEqual(['cache'])
    expect((await cells.hits(parts('otherRevenue'))).served).toEqual(['cache'])
  })

  it('are not made up while the engine is down', async () => {
    const { cells, engineMeets } = await world()
    await cells.hits(parts('visitors'))
    engineMeets.error = engineDown
    await expect(cells.hits(parts('load'))).rejects.toThrow(EngineUnavailableError)
  })
})

describe('visits', () => {
  const ask = (buckets: readonly BucketRange[]) => ({ ...question(buckets) })

  it('are cells of their own, right for the days whose hits decide them', async () => {
    const { cells, questions, append, commit, versions } = await world()
    const [today, later] = [hours(0, 1), hours(24 * 9, 1)]
    await cells.visits(ask([...today, ...later]))
    for (const [days, changed] of [
      [-3, 1],
      [2, 0],
      [1, 1],
      [-4, 0],
      [0, 1],
    ] as const) {
      const before = questions.length
      append(hit(start + days * 24 * hourMs))
      await commit()
      await versions.refresh()
      const { served } = await cells.visits(ask([...today, ...later]))
      expect(served, `a hit ${days} days off`).toEqual([changed === 1 ? 'raw' : 'cache', 'cache'])
      expect(questions.length - before).toBe(changed)
    }
  })

  it('are read from stored ones where the bucket has a part of their UTC day, unless only hits know the dimension', async () => {
    const made = await world()
    const day = Date.parse('2026-03-01T00:00:00Z')
    made.derive('sessions', { start: day, end: day + 24 * hourMs, publish: 7 })
    const buckets = [{ start: day - hourMs, end: day + 25 * hourMs }]
    expect((await made.cells.visits({ ...ask(buckets), dimensions: ['country'] })).served).toEqual(['sessions'])
    expect((await made.cells.visits({ ...ask(buckets), dimensions: ['os'] })).served).toEqual(['raw'])
    expect((await made.cells.visits(ask([{ start: day + 1, end: day + 25 * hourMs }]))).served).toEqual(['sessions'])
    expect(made.questions.map(({ pieces }) => pieces.map(({ stored }) => stored))).toEqual([
      [null, 7, null],
      [null],
      [7, null],
    ])
  })
})

describe('numbers of a cell', () => {
  async function cellOf(kept: number, largest: bigint, hits = 1n) {
    const row: HitsGroup = {
      bucket: 0,
      values: [],
      other: false,
      hits,
      pageviews: 0n,
      orders: 0n,
      revenueMicros: 0n,
      visitors: { kept, largest },
    }
    const view: TableView = { table: 'hourly', snapshot: null, pending: [] }
    const cells = createCells({
      engine: { hits: async () => [row], visits: async () => [] },
      store: {
        tableView: async () => view,
        derivedRanges: async () => [],
        erasedOf: async () => new Map(),
        versionsSince: unchanging,
      },
      versions: unchanged,
    })
    const [cell] = (await series(cells, question(hours(0, 1)))).cells
    return cell
  }
  async function visitorsOf(kept: number, largest: bigint) {
    const cell = await cellOf(kept, largest)
    return [cell?.visitors?.count, cell?.visitors?.standardError === 0]
  }

  it('are exact beyond what a JSON number holds', async () => {
    expect((await cellOf(1, 5n, 2n ** 53n + 1n))?.exactHits).toBe(2n ** 53n + 1n)
  })

  it('of visitors are those of the smaller sketches wherever a breakdown or a filter speaks of values', async () => {
    const { cells, questions } = await world()
    const filter = { op: 'is', dimension: 'page', values: ['/a'] } as const
    const byPage = { from: 'rollup', breakdown: 'page' } as const
    await series(cells, question(hours(0, 1)))
    await series(cells, { ...question(hours(0, 1)), filter, source: byPage })
    await series(cells, { ...question(hours(0, 1)), dimensions: ['page'], source: byPage })
    expect(questions.map((each) => ('sketchSize' in each ? each.sketchSize : null))).toEqual([
      totalSketchSize,
      breakdownSketchSize,
      breakdownSketchSize,
    ])
  })

  it('of visitors are exact up to 4,096 and an estimate beyond', async () => {
    expect(await visitorsOf(4_096, 2n ** 62n)).toEqual([4_096, true])
    // 4,097 hashes below half of the space: about twice as many in all.
    expect(await visitorsOf(totalSketchSize, 2n ** 62n - 1n)).toEqual([8_192, false])
  })
})

describe('the memory of cells', () => {
  it('stays within its bound, and a large answer is whole all the same', async () => {
    const made = await createWorld('2026-03-01T09:00:00Z', { cellsMaxBytes: 20_000 })
    made.append(hit(start), hit(start + 4_999 * hourMs))
    await made.commit()
    await made.versions.refresh()
    const { cells } = await series(made.cells, question(hours(0, 5_000)))
    expect(cells).toHaveLength(5_000)
    expect([cells[0]?.hits, cells[4_999]?.hits]).toEqual([1, 1])
    expect(made.cells.bytes).toBeLessThanOrEqual(20_000)
    expect(made.cells.bytes).toBeGreaterThan(10_000)
    made.cells.clear()
    expect(made.cells.bytes).toBe(0)
  })
})
