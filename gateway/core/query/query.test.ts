import { describe, expect, it } from 'vitest'
import { createWorld, engineDown, type ShopHit, shop } from '../test/time-series-world.ts'
import { restQuestionMaxChars, restQuestionMaxRows } from './rest-row.ts'

const now = '2026-04-05T06:07:08.009Z'
const berlin = shop('berlin', 'Europe/Berlin')

function hit(time: string, given: Partial<ShopHit> = {}): ShopHit {
  return { merchant: berlin, time: Date.parse(time), name: 'page_view', visitor: 1n, micros: 0n, ...given }
}

async function worldOf(hits: readonly ShopHit[], limits: Parameters<typeof createWorld>[1] = {}) {
  const world = await createWorld(now, limits)
  world.append(...hits)
  await world.commit()
  await world.versions.refresh()
  return world
}

/** `counts` hits of each page, by visitors of their own, in an hour of 1 April. */
const pages = (counts: Readonly<Record<string, number>>, time = '2026-04-01T10:00:00Z') =>
  Object.entries(counts).flatMap(([page, count], p) =>
    Array.from({ length: count }, (_, i) => hit(time, { visitor: BigInt(p * 1_000 + i), dimensions: { page } })),
  )
const april = { dateRange: ['2026-04-01', '2026-04-02'] }

describe('a query', () => {
  it('has the documented form', async () => {
    const world = await worldOf([
      hit('2026-04-01T10:00:00Z', { dimensions: { page: '/', country: 'DE' } }),
      hit('2026-04-01T10:01:00Z', {
        name: 'purchase',
        micros: 12_500_000n,
        dimensions: { page: '/thanks' },
        otherRevenue: { currency: 'JPY', micros: 100_000_000n },
      }),
    ])
    const body = {
      ...april,
      metrics: ['visitors', 'revenue', 'conversion_rate', 'session_duration', 'load_p50'],
      dimensions: ['country'],
      filters: [['is_not', 'page', ['/x', null]]],
    }
    expect(await world.query(berlin, body)).toEqual({
      results: [
        { dimensions: [null], metrics: [1, '12.50', null, null, null] },
        { dimensions: ['DE'], metrics: [1, '0.00', 0, 60, null] },
      ],
      meta: {
        asOf: now,
        complete: true,
        servedFrom: { cache: 0, rollup: 0, daily: 0, sessions: 0, raw: 1 },
        approximate: {},
        truncated: false,
        generation: 1,
        timeZone: 'Europe/Berlin',
        currency: 'EUR',
        from: '2026-04-01T00:00:00+02:00',
        to: '2026-04-03T00:00:00+02:00',
        otherCurrencies: { JPY: '100' },
      },
      query: {
        merchant: 'berlin',
        metrics: body.metrics,
        dateRange: ['2026-04-01T00:00:00+02:00', '2026-04-03T00:00:00+02:00'],
        dimensions: ['country'],
        filters: body.filters,
        timeZone: 'Europe/Berlin',
        orderBy: [['visitors', 'desc']],
        limit: 100,
      },
    })
  })

  it('without dimensions is one row, of nothing too; empty buckets of time are left out', async () => {
    const { query } = await worldOf([hit('2026-04-01T10:00:00Z')])
    const metrics = ['hits', 'sessions', 'bounce_rate', 'revenue']
    expect((await query(berlin, { ...april, metrics })).results).toEqual([
      { dimensions: [], metrics: [1, 1, 1, '0.00'] },
    ])
    const before = { dateRange: ['2026-03-01', '2026-03-02'], metrics }
    expect((await query(berlin, before)).results).toEqual([{ dimensions: [], metrics: [0, 0, null, '0.00'] }])
    expect((await query(berlin, { ...before, dimensions: ['time:day'] })).results).toEqual([])
    expect((await query(berlin, { ...april, metrics, dimensions: ['time:day'] })).results).toEqual([
      { dimensions: ['2026-04-01T00:00:00+02:00'], metrics: [1, 1, 1, '0.00'] },
    ])
  })

  it('asks one engine question of hits and one of visits, and none again while nothing changed', async () => {
    const world = await worldOf(pages({ '/': 2, '/a': 1 }))
    const body = { ...april, metrics: ['hits', 'sessions'], dimensions: ['time:day', 'page'] }
    const cold = await world.query(berlin, body)
    expect(world.questions.map(({ from }) => from).sort()).toEqual(['rollup', 'visits'])
    const warm = await world.query(berlin, body)
    expect(world.questions).toHaveLength(2)
    expect(warm.results).toEqual(cold.results)
    expect(warm.meta.servedFrom).toEqual({ cache: 2, rollup: 0, daily: 0, sessions: 0, raw: 0 })
    // A question of fewer metrics finds the same cells.
    await world.query(berlin, { ...body, metrics: ['hits'] })
    expect(world.questions).toHaveLength(2)
  })

  it('says which rows it was served from', async () => {
    const world = await worldOf(pages({ '/': 1 }))
    const [first, second, third] = ['2026-03-31', '2026-04-01', '2026-04-02'].map((day) =>
      Date.parse(`${day}T22:00:00Z`),
    )
    world.derive('daily', { start: first as number, end: second as number, publish: 5 })
    const served = async (body: object) => (await world.query(berlin, { ...april, ...body })).meta.servedFrom
    expect(await served({ dimensions: ['time:day'] })).toMatchObject({ daily: 1, rollup: 1 })
    expect(await served({ dimensions: ['page'] })).toMatchObject({ daily: 1, rollup: 0 })
    expect(await served({ dimensions: ['page', 'country'] })).toMatchObject({ daily: 0, raw: 1 })
    expect(await served({ dimensions: ['os'] })).toMatchObject({ raw: 1 })
    expect(world.questions[1]?.pieces).toEqual([
      { bucket: 0, start: first, end: second, stored: 5 },
      { bucket: 0, start: second, end: third, stored: null },
    ])
    expect(world.questions.map((each) => each.from === 'rollup' && each.breakdown)).toEqual([
      'total',
      'page',
      false,
      false,
    ])
  })

  it('of an answer that is stale says so, with the freshness it has', async () => {
    const world = await worldOf(pages({ '/': 1 }))
    const body = { ...april, metrics: ['hits'] }
    await world.query(berlin, body)
    world.clock.advance(1_000)
    world.append(hit('2026-04-01T10:00:00Z'))
    await world.commit()
    await world.versions.refresh()
    world.engineMeets.error = engineDown
    expect((await world.query(berlin, body)).meta).toMatchObject({ stale: true, asOf: now })
    await expect(world.query(berlin, { ...body, dimensions: ['page'] })).rejects.toMatchObject({
      code: 'engine_unavailable',
    })
  })
})

describe('the order of rows', () => {
  const rowsOf = async (body: object) => {
    const { query } = await worldOf([
      ...pages({ '/b': 2, '/a': 2, '': 1, '/\u{1f600}': 1, '/\uff5e': 1 }),
      hit('2026-04-02T10:00:00Z', { dimensions: { page: '/a' }, visitor: 0n }),
    ])
    const { results } = await query(berlin, { ...april, metrics: ['visitors', 'hits'], ...body })
    return results.map(({ dimensions }) => dimensions.join(' '))
  }

  it('is the first metric, largest first, then the label by code points, no value before all', async () => {
    expect(await rowsOf({ dimensions: ['page'] })).toEqual(['/a', '/b', '', '/\uff5e', '/\u{1f600}'])
  })

  it('is time where there is time, then the label', async () => {
    const [first, second] = ['2026-04-01T00:00:00+02:00', '2026-04-02T00:00:00+02:00']
    expect(await rowsOf({ dimensions: ['page', 'time:day'] })).toEqual([
      ` ${first}`,
      `/a ${first}`,
      `/b ${first}`,
      `/\uff5e ${first}`,
      `/\u{1f600} ${first}`,
      `/a ${second}`,
    ])
  })

  it('is what orderBy says, one after the other', async () => {
    expect(await rowsOf({ dimensions: ['page'], orderBy: [['page', 'desc']] })).toEqual([
      '/\u{1f600}',
      '/\uff5e',
      '/b',
      '/a',
      '',
    ])
    const orderBy = [
      ['visitors', 'asc'],
      ['page', 'desc'],
    ]
    expect(await rowsOf({ dimensions: ['page'], orderBy })).toEqual(['/\u{1f600}', '/\uff5e', '', '/b', '/a'])
  })

  it('has ratios of nothing last, in both directions', async () => {
    const { query } = await worldOf([
      hit('2026-04-01T10:00:00Z', { dimensions: { page: '/in' } }),
      hit('2026-04-01T10:01:00Z', { dimensions: { page: '/then' } }),
    ])
    for (const direction of ['asc', 'desc']) {
      const body = {
        ...april,
        metrics: ['bounce_rate', 'hits'],
        dimensions: ['page'],
        orderBy: [['bounce_rate', direction]],
      }
      expect((await query(berlin, body)).results.map(({ dimensions }) => dimensions[0])).toEqual(['/in', '/then'])
    }
  })
})

describe('what is beyond the cut', () => {
  const counts = { '/a': 5, '/b': 4, '/c': 3, '/d': 2, '/e': 1 }
  const body = { ...april, metrics: ['hits', 'visitors', 'load_p50'], dimensions: ['page'], limit: 2 }

  it('is one row: sums of all the rest, its visitors counted once each', async () => {
    const { query, questions } = await worldOf([
      ...pages(counts),
      hit('2026-04-01T11:00:00Z', { visitor: 2_000n, dimensions: { page: '/e' }, loadMs: 0 }), // also of /c
    ])
    const { results } = await query(berlin, body)
    expect(results).toEqual([
      { dimensions: ['/a'], metrics: [5, 5, null] },
      { dimensions: ['/b'], metrics: [4, 4, null] },
      { dimensions: ['(other)'], metrics: [7, 6, 0], other: true },
    ])
    expect(questions.at(-1)).toMatchObject({
      from: 'rollup',
      breakdown: 'page',
      dimensions: [],
      filter: { op: 'not', filter: { op: 'is', dimension: 'page', values: ['/a', '/b'] } },
    })
  })

  it('of several dimensions is all other combinations', async () => {
    const at = (page: string, country: string, visitor: bigint) =>
      hit('2026-04-01T10:00:00Z', { visitor, dimensions: { page, country } })
    const { query } = await worldOf([
      ...[1n, 2n, 3n].map((visitor) => at('/', 'DE', visitor)),
      ...[1n, 2n].map((visitor) => at('/', 'FR', visitor)),
      at('/a', 'DE', 1n),
      at('/a', 'FR', 2n),
      at('/a', 'FR', 2n),
    ])
    const { results } = await query(berlin, {
      ...body,
      metrics: ['visitors', 'hits'],
      dimensions: ['page', 'country'],
      limit: 1,
    })
    expect(results).toEqual([
      { dimensions: ['/', 'DE'], metrics: [3, 3] },
      { dimensions: ['(other)', null], metrics: [2, 5], other: true },
    ])
  })

  it('keeps to the filter of the question', async () => {
    const { query } = await worldOf([
      ...pages({ '/a': 2, '/b': 1 }),
      ...[2_000n, 2_001n].map((visitor) => hit('2026-04-01T11:00:00Z', { visitor, dimensions: { page: '/c' } })),
      hit('2026-04-01T11:00:00Z', { visitor: 3_000n, dimensions: { page: '/x' } }),
    ])
    const filters = [['is_not', 'page', ['/x']]]
    for (const [limit, others] of [
      [1, 3],
      [2, 1],
    ]) {
      const { results } = await query(berlin, { ...body, metrics: ['visitors'], filters, limit })
      expect(results.at(-1)).toEqual({ dimensions: ['(other)'], metrics: [others], other: true })
    }
  })

  it('of more rows than one can name on either side has sums, but no visitors', async () => {
    const count = 2 * restQuestionMaxRows + 1
    const many = Object.fromEntries(Array.from({ length: count }, (_, i) => [`/${i}`, 1]))
    const { query } = await worldOf(pages(many))
    const other = async (limit: number) => (await query(berlin, { ...body, limit })).results.at(-1)?.metrics
    expect(await other(restQuestionMaxRows)).toEqual([restQuestionMaxRows + 1, restQuestionMaxRows + 1, null])
    expect(await other(restQuestionMaxRows + 1)).toEqual([restQuestionMaxRows, restQuestionMaxRows, null])
  })

  it('of more characters than one can name too', async () => {
    const long = 'x'.repeat(restQuestionMaxChars / 2)
    const { query } = await worldOf(pages({ [`/a${long}`]: 3, [`/b${long}`]: 2, [`/c${long}`]: 2, [`/d${long}`]: 1 }))
    expect((await query(berlin, { ...body, limit: 2 })).results.at(-1)?.metrics).toEqual([3, null, null])
    expect((await query(berlin, { ...body, limit: 3 })).results.at(-1)?.metrics).toEqual([1, 1, null])
  })

  it('holds what a truncated breakdown did not keep, and the answer says that it was', async () => {
    const world = await worldOf(pages(counts))
    expect((await world.query(berlin, body)).meta.truncated).toBe(false)
    world.cells.clear()
    world.engineMeets.keptValues = ['/a', '/b', '/c']
    const cut = await world.query(berlin, body)
    expect(cut.meta.truncated).toBe(true)
    expect(cut.results.at(-1)).toEqual({ dimensions: ['(other)'], metrics: [6, 6, null], other: true })
    const whole = await world.query(berlin, { ...body, limit: 3 })
    expect(whole.results.at(-1)).toEqual({ dimensions: ['(other)'], metrics: [3, 3, null], other: true })
    expect(whole.meta.nextCursor).toBeUndefined()
    // Over time each bucket has its own.
    const timed = await world.query(berlin, { ...body, limit: 10, dimensions: ['time:day', 'page'] })
    expect(timed.results.filter(({ other }) => other)).toEqual([
      { dimensions: ['2026-04-01T00:00:00+02:00', '(other)'], metrics: [3, 3, null], other: true },
    ])
  })

  it('is not there where all rows are shown, or time tells them apart', async () => {
    const { query } = await worldOf(pages(counts))
    expect((await query(berlin, { ...body, limit: 5 })).results).toHaveLength(5)
    const timed = await query(berlin, { ...body, dimensions: ['time:day', 'page'] })
    expect(timed.results.map(({ other }) => other)).toEqual([undefined, undefined])
    expect(timed.meta.nextCursor).toBeDefined()
  })
})

describe('pages', () => {
  const counts = Object.fromEntries(
    Array.from({ length: 11 }, (_, i) => [`/${String(i).padStart(2, '0')}`, 1 + (i % 3)]),
  )
  const body = { ...april, metrics: ['visitors'], dimensions: ['page'], limit: 4 }

  it('hold every row once, each page with what is behind it', async () => {
    const world = await worldOf(pages(counts))
    const whole = (await world.query(berlin, { ...body, limit: 100 })).results
    const seen: unknown[] = []
    const others: unknown[] = []
    let cursor: string | undefined
    do {
      const page = await world.query(berlin, { ...body, ...(cursor && { cursor }) })
      seen.push(...page.results.filter(({ other }) => !other))
      others.push(page.results.find(({ other }) => other)?.metrics[0])
      cursor = page.meta.nextCursor
    } while (cursor !== undefined)
    expect(seen).toEqual(whole)
    expect(others).toEqual([10, 3, undefined])
  })

  it('go on behind the last row though numbers changed, and over the time of the first page', async () => {
    const world = await worldOf(pages(counts))
    const relative = { ...body, dateRange: '7d' }
    const first = await world.query(berlin, relative)
    const last = first.results[3]?.dimensions[0]
    world.append(...pages({ [String(last)]: 9, '/new': 1 }))
    await world.commit()
    await world.versions.refresh()
    world.clock.advance(86_400_000)
    const second = await world.query(berlin, { ...relative, cursor: first.meta.nextCursor })
    expect(second.meta).toMatchObject({ from: first.meta.from, to: first.meta.to })
    const shown = [...first.results, ...second.results].filter(({ other }) => !other)
    expect(new Set(shown.map(({ dimensions }) => dimensions[0])).size).toBe(shown.length)
  })

  it('of another question are refused, as is what is no cursor', async () => {
    const world = await worldOf(pages(counts))
    const { nextCursor } = (await world.query(berlin, body)).meta
    for (const [cursor, change] of [
      [nextCursor, { metrics: ['hits'] }],
      [nextCursor, { filters: [['is', 'page', ['/01']]] }],
      [nextCursor, { dateRange: ['2026-04-01', '2026-04-03'] }],
      ['', {}],
      [7, {}],
      [Buffer.from('[]').toString('base64url'), {}],
      [Buffer.from('{"a":1}').toString('base64url'), {}],
      [Buffer.from(`["q",0,${Number.MAX_SAFE_INTEGER},[1],0,[""],false]`).toString('base64url'), {}],
      ['x'.repeat(100_000), {}],
    ] as const) {
      await expect(world.query(berlin, { ...body, ...change, cursor }), String(cursor)).rejects.toMatchObject({
        status: 400,
        code: 'bad_query',
        extra: { errors: [{ pointer: '/cursor' }] },
      })
    }
    const other = shop('other', 'Europe/Berlin')
    await expect(world.query(other, { ...body, cursor: nextCursor })).rejects.toMatchObject({ code: 'bad_query' })
    expect((await world.query(berlin, { ...body, limit: 1, cursor: nextCursor })).results).toHaveLength(2)
  })
})

describe('a comparison', () => {
  const hits = [
    ...pages({ '/': 1, '/old': 2 }, '2026-03-30T10:00:00Z'),
    ...pages({ '/': 3, '/new': 1 }, '2026-04-01T10:00:00Z'),
    ...pages({ '/': 7 }, '2025-04-02T10:00:00Z'),
  ]
  const body = { ...april, metrics: ['visitors'], dimensions: ['page'] }

  it.each([
    ['previous_period', '2026-03-30T00:00:00+02:00', [1, 0]],
    ['previous_year', '2025-04-01T00:00:00+02:00', [7, 0]],
    [['2026-03-30', '2026-03-30'], '2026-03-30T00:00:00+02:00', [1, 0]],
  ])('with %j stands beside each row', async (compare, from, before) => {
    const { query } = await worldOf(hits)
    const { results, meta } = await query(berlin, { ...body, compare })
    expect(results.map(({ dimensions, metrics }) => [dimensions[0], metrics[0]])).toEqual([
      ['/', 3],
      ['/new', 1],
    ])
    expect(results.map((row) => row.compare?.[0])).toEqual(before)
    expect(meta).toMatchObject({ compareFrom: from })
  })

  it('of what is beyond the cut is with all the same values are not', async () => {
    const { query } = await worldOf(hits)
    const { results } = await query(berlin, { ...body, limit: 1, compare: 'previous_period' })
    expect(results).toEqual([
      { dimensions: ['/'], metrics: [3], compare: [1] },
      { dimensions: ['(other)'], metrics: [1], compare: [2], other: true },
    ])
  })

  it('over time is bucket by bucket, from the first on', async () => {
    const { query } = await worldOf(hits)
    const { results } = await query(berlin, { ...body, dimensions: ['time:day'], compare: 'previous_period' })
    expect(results).toEqual([{ dimensions: ['2026-04-01T00:00:00+02:00'], metrics: [4], compare: [3] }])
  })
})

describe('the time asked about', () => {
  const range = async (dateRange: unknown, timeZone?: string) => {
    const { query } = await worldOf([hit('2021-11-17T10:00:00Z')])
    const { meta } = await query(berlin, { dateRange, ...(timeZone && { timeZone }) })
    return [meta.from, meta.to]
  }

  it.each([
    ['24h', '2026-04-04T09:00:00+02:00', '2026-04-05T09:00:00+02:00'],
    ['day', '2026-04-05T00:00:00+02:00', '2026-04-06T00:00:00+02:00'],
    ['7d', '2026-03-30T00:00:00+02:00', '2026-04-06T00:00:00+02:00'],
    ['28d', '2026-03-09T00:00:00+01:00', '2026-04-06T00:00:00+02:00'],
    ['month', '2026-04-01T00:00:00+02:00', '2026-04-06T00:00:00+02:00'],
    ['year', '2026-01-01T00:00:00+01:00', '2026-04-06T00:00:00+02:00'],
    ['all', '2021-11-01T00:00:00+01:00', '2026-04-06T00:00:00+02:00'],
    [['2026-04-01', '2026-04-02'], '2026-04-01T00:00:00+02:00', '2026-04-03T00:00:00+02:00'],
    [['2026-04-01T10:30:00Z', '2026-04-01T11:00:01Z'], '2026-04-01T12:00:00+02:00', '2026-04-01T14:00:00+02:00'],
  ])('%j is %s to %s', async (dateRange, from, to) => {
    expect(await range(dateRange)).toEqual([from, to])
  })

  it('is in the zone that is asked for', async () => {
    expect(await range('day', 'Asia/Tokyo')).toEqual(['2026-04-05T00:00:00+09:00', '2026-04-06T00:00:00+09:00'])
  })

  it('of all where there is nothing is today', async () => {
    const { query } = await worldOf([])
    expect((await query(berlin, { dateRange: 'all' })).meta.from).toBe('2026-04-05T00:00:00+02:00')
  })
})

describe('a query beyond its limits is refused whole', () => {
  it('of buckets, groups and raw rows', async () => {
    const { query } = await worldOf([...pages({ '/': 600, '/a': 400, '/b': 1 })], { maxBuckets: 48, maxGroups: 2 })
    const hours = { ...april, dimensions: ['time:hour'] }
    expect((await query(berlin, hours)).results).toHaveLength(1)
    await expect(query(berlin, { ...hours, dateRange: ['2026-04-01', '2026-04-03'] })).rejects.toMatchObject({
      status: 422,
      code: 'too_many_buckets',
    })
    await expect(query(berlin, { ...april, dimensions: ['page'] })).rejects.toMatchObject({ code: 'too_many_groups' })
    await expect(query(berlin, { ...april, dimensions: ['os'] })).rejects.toMatchObject({ code: 'raw_budget' })
    await expect(query(berlin, { ...april, timeZone: 'Asia/Kathmandu' })).rejects.toMatchObject({
      status: 422,
      code: 'zone_not_aligned',
    })
  })

  it('of days that are no longer kept, naming the first that is: what counts hits or visits, and nothing else', async () => {
    const world = await worldOf(pages({ '/': 3 }, '2026-03-29T10:00:00Z'))
    // Today is 5 April: hits are kept from 29 March 00:00 UTC on, which is 02:00 in Berlin; visits can be counted from 31 March.
    const kept = { ...berlin, retentionDays: 7 }
    const from = (day: string, more: object) => world.query(kept, { dateRange: [day, '2026-04-04'], ...more })
    const firstDay = (firstDay: string) => ({ status: 422, code: 'beyond_retention', extra: { firstDay } })
    const byOs = { metrics: ['hits'], dimensions: ['os'] }
    await expect(from('2026-03-29', byOs)).rejects.toMatchObject(firstDay('2026-03-30'))
    expect((await from('2026-03-30', byOs)).results).toEqual([])
    const visits = { metrics: ['sessions'] }
    await expect(from('2026-03-31', visits)).rejects.toMatchObject(firstDay('2026-04-01'))
    expect((await from('2026-04-01', visits)).results).toHaveLength(1)
    const compare = { ...visits, compare: ['2026-03-01', '2026-03-04'] }
    await expect(from('2026-04-01', compare)).rejects.toMatchObject(firstDay('2026-04-01'))
    expect((await from('2026-03-29', { metrics: ['hits'], dimensions: ['page'] })).results).toMatchObject([
      { dimensions: ['/'], metrics: [3] },
    ])
    expect((await world.query(berlin, { dateRange: ['2026-03-29', '2026-04-04'], ...visits })).results).toHaveLength(1)
  })

  it('of time, and what was asked for it is given up', async () => {
    const world = await worldOf(pages({ '/': 1 }), { deadlineMs: 1_000 })
    let aborted = 0
    world.engineMeets.onAbort = () => {
      aborted += 1
    }
    world.engineMeets.gate = new Promise(() => {})
    const asked = world.query(berlin, { ...april, metrics: ['hits', 'sessions'] })
    const refused = expect(asked).rejects.toMatchObject({ status: 503, code: 'query_timeout' })
    await new Promise((resolve) => setImmediate(resolve))
    world.clock.advance(999)
    expect(aborted).toBe(0)
    world.clock.advance(1)
    await refused
    expect(aborted).toBe(2)
    expect(world.clock.pendingTimers).toBe(1) // the versions' own
  })

  it('ends when the client leaves', async () => {
    const world = await worldOf(pages({ '/': 1 }))
    world.engineMeets.gate = new Promise(() => {})
    const client = new AbortController()
    const asked = world.query(berlin, april, client.signal)
    client.abort(new Error('gone'))
    await expect(asked).rejects.toThrow('gone')
  })
})
