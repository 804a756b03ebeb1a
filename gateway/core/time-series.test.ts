import { describe, expect, it } from 'vitest'
import { hourMs } from '../../core/event-time.ts'
import { metricNames } from './metrics.ts'
import { createWorld, engineDown, type ShopHit, shop } from './test/time-series-world.ts'
import { rememberedQueryMaxLength } from './time-series.ts'

const now = '2026-04-05T06:07:08.009Z'
const all = 'hits,pageviews,visitors,orders,revenue'

function hit(merchant: ShopHit['merchant'], time: string, given: Partial<ShopHit> = {}): ShopHit {
  return { merchant, time: Date.parse(time), name: 'page_view', visitor: 1n, micros: 0n, ...given }
}

async function worldOf(...hits: ShopHit[]) {
  const world = await createWorld(now)
  world.append(...hits)
  await world.commit()
  await world.versions.refresh()
  return world
}

describe('a time series', () => {
  const berlin = shop('berlin', 'Europe/Berlin')

  it('has the documented form, every bucket in it, the empty ones with zeros', async () => {
    const { ask } = await worldOf(
      hit(berlin, '2026-03-29T00:30:00Z', { name: 'purchase', micros: 12_500_000n, visitor: 7n }),
      hit(berlin, '2026-03-29T01:00:00Z'),
      hit(berlin, '2026-03-29T01:59:59.999Z', { visitor: 2n }),
    )
    const reply = await ask(berlin, { from: '2026-03-29T00:15:00Z', to: '2026-03-29T02:00:01Z', metrics: all })
    expect(reply).toEqual({
      merchant: 'berlin',
      interval: 'hour',
      timeZone: 'Europe/Berlin',
      currency: 'EUR',
      buckets: [
        {
          start: '2026-03-29T01:00:00+01:00',
          end: '2026-03-29T03:00:00+02:00',
          hits: 1,
          pageviews: 0,
          visitors: 1,
          orders: 1,
          revenue: '12.50',
        },
        {
          start: '2026-03-29T03:00:00+02:00',
          end: '2026-03-29T04:00:00+02:00',
          hits: 2,
          pageviews: 2,
          visitors: 2,
          orders: 0,
          revenue: '0.00',
        },
        {
          start: '2026-03-29T04:00:00+02:00',
          end: '2026-03-29T05:00:00+02:00',
          hits: 0,
          pageviews: 0,
          visitors: 0,
          orders: 0,
          revenue: '0.00',
        },
      ],
      meta: {
        asOf: now,
        complete: true,
        servedFrom: { cache: 0, rollup: 3, daily: 0, sessions: 0, raw: 0 },
        approximate: {},
        truncated: false,
        generation: 1,
        timeZone: 'Europe/Berlin',
        currency: 'EUR',
        from: '2026-03-29T01:00:00+01:00',
        to: '2026-03-29T05:00:00+02:00',
        otherCurrencies: {},
      },
    })
  })

  it('left to itself is the last 24 hours of hits, pageviews and visitors, and moves on with the clock', async () => {
    const { ask, clock } = await worldOf(hit(berlin, '2026-04-05T06:00:00Z'))
    const first = await ask(berlin)
    expect(first.buckets).toHaveLength(24)
    expect(first.buckets.at(-1)).toEqual({
      start: '2026-04-05T08:00:00+02:00',
      end: '2026-04-05T09:00:00+02:00',
      hits: 1,
      pageviews: 1,
      visitors: 1,
    })
    expect(first.meta.complete).toBe(false)
    clock.advance(52 * 60_000 + 51_990) // 06:59:59.999
    expect((await ask(berlin)).buckets).toEqual(first.buckets)
    clock.advance(1)
    const next = await ask(berlin)
    expect(next.buckets.slice(0, -1)).toEqual(first.buckets.slice(1))
    expect(next.buckets.at(-1)?.start).toBe('2026-04-05T09:00:00+02:00')
    clock.setNow(Date.parse(now)) // and back, where a clock is set
    expect((await ask(berlin)).buckets).toEqual(first.buckets)
  })

  it('is complete once everything received before its end is in it', async () => {
    const { ask, append, commit, clock, versions } = await worldOf()
    const range = { from: '2026-04-05T05:00:00Z', to: '2026-04-05T07:00:00Z' }
    expect((await ask(berlin, range)).meta).toMatchObject({ asOf: now, complete: false })
    clock.advance(52 * 60_000 + 51_990) // 06:59:59.999
    expect((await ask(berlin, range)).meta.complete).toBe(false)
    clock.advance(1)
    expect((await ask(berlin, range)).meta.complete).toBe(true)
    clock.advance(hourMs)
    // A late hit was received after the range's end: what was received before it is all there still.
    append(hit(berlin, '2026-04-05T06:30:00Z'))
    expect((await ask(berlin, range)).meta).toMatchObject({ asOf: '2026-04-05T07:00:00.000Z', complete: true })
    await commit()
    await versions.refresh()
    expect((await ask(berlin, range)).meta).toMatchObject({ asOf: '2026-04-05T08:00:00.000Z', complete: true })
  })

  it('repeated comes from the cache, until its days change', async () => {
    const world = await worldOf(hit(berlin, '2026-04-01T10:00:00Z'))
    const range = { from: '2026-04-01', to: '2026-04-02', metrics: 'hits' }
    const served = async () => (await world.ask(berlin, range)).meta.servedFrom
    expect(await served()).toMatchObject({ cache: 0, rollup: 48 })
    expect(await served()).toMatchObject({ cache: 48, rollup: 0 })
    world.append(hit(berlin, '2026-03-30T10:00:00Z'))
    await world.commit()
    await world.versions.refresh()
    expect(await served()).toMatchObject({ cache: 48, rollup: 0 })
    world.append(hit(berlin, '2026-04-02T10:00:00Z'))
    await world.commit()
    await world.versions.refresh()
    // The day of the change in UTC: all hours of the 2nd but its first two, which are the 1st in UTC.
    expect(await served()).toMatchObject({ cache: 26, rollup: 22 })
    expect(world.questions).toHaveLength(2)
  })

  it('that its days outran while it was asked is not remembered under what they are now', async () => {
    const world = await worldOf(hit(berlin, '2026-04-01T10:00:00Z'))
    const range = { from: '2026-04-01', to: '2026-04-01', metrics: 'hits' }
    const hits = (reply: { readonly buckets: readonly { readonly hits?: unknown }[] }) =>
      reply.buckets.reduce((sum, bucket) => sum + Number(bucket.hits), 0)
    let open = () => {}
    world.engineMeets.gate = new Promise((resolve) => {
      open = resolve
    })
    const early = world.ask(berlin, range)
    await new Promise((resolve) => setImmediate(resolve))
    world.append(hit(berlin, '2026-04-01T11:00:00Z'))
    await world.commit()
    await world.versions.refresh()
    open()
    expect(hits(await early)).toBe(1) // what it read before the commit
    expect(hits(await world.ask(berlin, range))).toBe(2)
  })

  it('is remembered up to a length of its query string, and answered beyond it', async () => {
    const world = await worldOf(hit(berlin, '2026-04-01T10:00:00Z'))
    const remembered = async (length: number) => {
      const search = 'metrics=hits&from=2026-04-01&to=2026-04-01'.padEnd(length - berlin.id.length - 1, '&')
      const parameters = { metrics: 'hits', from: '2026-04-01', to: '2026-04-01' }
      const answers = [0, 1].map(() => world.timeSeries.answer({ merchant: berlin, search, parameters }))
      expect(JSON.parse(String((await answers[1])?.body)).buckets).toHaveLength(24)
      return !(world.timeSeries.answer({ merchant: berlin, search, parameters }) instanceof Promise)
    }
    expect(await remembered(rememberedQueryMaxLength)).toBe(true)
    expect(await remembered(rememberedQueryMaxLength + 1)).toBe(false)
  })

  it('repeated asks no engine and makes no signal', async () => {
    const world = await worldOf(hit(berlin, '2026-04-01T10:00:00Z'))
    const request = { merchant: berlin, search: 'from=2026-04-01', parameters: { from: '2026-04-01' } }
    await world.timeSeries.answer(request)
    const signal = () => {
      throw new Error('not needed')
    }
    expect(world.timeSeries.answer({ ...request, signal })).not.toBeInstanceOf(Promise)
  })

  it('of equal query strings of two merchants is each one’s own', async () => {
    const other = shop('other', 'Asia/Kathmandu', 'JPY')
    const world = await worldOf(hit(berlin, '2026-04-01T10:00:00Z'))
    const range = { from: '2026-04-01', to: '2026-04-01', interval: 'day', metrics: 'hits,revenue' }
    for (let n = 0; n < 3; n++) {
      expect((await world.ask(berlin, range)).buckets).toEqual([
        { start: '2026-04-01T00:00:00+02:00', end: '2026-04-02T00:00:00+02:00', hits: 1, revenue: '0.00' },
      ])
      expect((await world.ask(other, range)).buckets).toEqual([
        { start: '2026-04-01T00:00:00+05:45', end: '2026-04-02T00:00:00+05:45', hits: 0, revenue: '0' },
      ])
    }
  })

  it("changes with its merchant's currency and zone at once", async () => {
    const world = await worldOf()
    const range = { from: '2026-04-01', to: '2026-04-01', interval: 'day', metrics: 'revenue' }
    await world.ask(berlin, range)
    await world.ask({ ...berlin, currency: 'JPY' }, range)
    expect(await world.ask({ ...berlin, currency: 'USD' }, range)).toMatchObject({ currency: 'USD' })
    const reply = await world.ask({ ...berlin, currency: 'USD', timeZone: 'UTC' }, range)
    expect(reply).toMatchObject({ currency: 'USD', timeZone: 'UTC' })
    expect(reply.buckets).toEqual([
      { start: '2026-04-01T00:00:00+00:00', end: '2026-04-02T00:00:00+00:00', revenue: '0.00' },
    ])
  })

  it('counts visitors of a day, not of its hours', async () => {
    const { ask } = await worldOf(hit(berlin, '2026-04-01T10:00:00Z'), hit(berlin, '2026-04-01T12:00:00Z'))
    const range = { from: '2026-04-01', to: '2026-04-01', metrics: 'visitors' }
    const hours = await ask(berlin, range)
    expect(hours.buckets.reduce((sum, { visitors }) => sum + Number(visitors), 0)).toBe(2)
    expect((await ask(berlin, { ...range, interval: 'day' })).buckets[0]?.visitors).toBe(1)
  })

  it('counts what its filters let through, all of them, and visits by their first hit', async () => {
    const at = (time: string, page: string, country: string) =>
      hit(berlin, `2026-04-01T${time}Z`, { dimensions: { page, country } })
    const { timeSeries } = await worldOf(at('10:00', '/', 'DE'), at('10:10', '/a', 'DE'), at('12:00', '/', 'FR'))
    const asked = { from: '2026-04-01', to: '2026-04-01', interval: 'day', metrics: 'hits,sessions,bounce_rate' }
    const numbers = async (...filter: string[]) => {
      const parameters = { ...asked, filter }
      const { body } = await timeSeries.answer({ merchant: berlin, search: JSON.stringify(parameters), parameters })
      const { start: _, end: __, ...bucket } = JSON.parse(String(body)).buckets[0]
      return bucket
    }
    expect(await numbers()).toEqual({ hits: 3, sessions: 2, bounce_rate: 0.5 })
    expect(await numbers('["is","page",["/"]]')).toEqual({ hits: 2, sessions: 2, bounce_rate: 0.5 })
    expect(await numbers('["is","page",["/"]]', '["is_not","country",["FR"]]')).toEqual({
      hits: 1,
      sessions: 1,
      bounce_rate: 0,
    })
    expect(await numbers('["is","page",["/a"]]')).toEqual({ hits: 1, sessions: 0, bounce_rate: null })
  })

  it('is the same for formats other than JSON', async () => {
    const { ask, timeSeries } = await worldOf(hit(berlin, '2026-04-01T10:00:00Z', { micros: 5n, loadMs: 120 }))
    const parameters = { from: '2026-04-01', to: '2026-04-02', interval: 'day', metrics: 'hits,revenue,load_p50' }
    const { buckets, meta } = await timeSeries.series({ merchant: berlin, search: '', parameters })
    expect(buckets[0]?.metrics).toMatchObject([
      { kind: 'count', value: 1 },
      { kind: 'money', text: '0.000005' },
      { kind: 'ms' },
    ])
    expect(buckets[1]?.metrics).toEqual([
      { kind: 'count', value: 0 },
      { kind: 'money', text: '0.00' },
      { kind: 'ms', value: null },
    ])
    const reply = await ask(berlin, parameters)
    expect(reply.buckets.map(({ start, end }) => [start, end])).toEqual(buckets.map(({ start, end }) => [start, end]))
    expect({ ...reply.meta, servedFrom: null }).toEqual({ ...meta, servedFrom: null })
  })

  it('says how far visitors beyond 4,096 may be off, only where they are asked for', async () => {
    const hashes = Array.from({ length: 5_000 }, (_, i) => (BigInt(i) * 2n ** 63n) / 5_000n)
    const { ask } = await worldOf(...hashes.map((visitor) => hit(berlin, '2026-04-01T10:00:00Z', { visitor })))
    const range = { from: '2026-04-01', to: '2026-04-01', interval: 'day' }
    const reply = await ask(berlin, range)
    expect(reply.meta.approximate).toEqual({ visitors: 0.0156 })
    expect(Math.abs(Number(reply.buckets[0]?.visitors) - 5_000)).toBeLessThan(5_000 * 0.0156 * 3)
    expect((await ask(berlin, { ...range, metrics: 'hits' })).meta.approximate).toEqual({})
  })
})

describe('a time series in another zone', () => {
  const newYork = shop('new-york', 'America/New_York')

  it('is served from the stored hours where these line up', async () => {
    const { ask } = await worldOf(hit(newYork, '2026-03-29T00:30:00Z'))
    const reply = await ask(newYork, {
      from: '2026-03-28',
      to: '2026-03-30',
      interval: 'day',
      timeZone: 'europe/berlin',
    })
    expect(reply.timeZone).toBe('Europe/Berlin')
    expect(reply.meta.servedFrom).toMatchObject({ rollup: 3, raw: 0 })
    expect(reply.buckets.map(({ hits }) => hits)).toEqual([0, 1, 0])
  })

  it('is counted from the hits where they do not', async () => {
    const { ask } = await worldOf(hit(newYork, '2026-03-29T00:14:59Z'), hit(newYork, '2026-03-29T00:15:00Z'))
    const range = { from: '2026-03-29T05:00:00+05:45', to: '2026-03-29T07:00:00+05:45', timeZone: 'Asia/Kathmandu' }
    const reply = await ask(newYork, range)
    expect(reply.meta.servedFrom).toMatchObject({ rollup: 0, raw: 2 })
    expect(reply.buckets.map(({ hits }) => hits)).toEqual([1, 1])
  })

  it('is refused whole where that would read more hits than the budget', async () => {
    const { ask } = await worldOf(...Array.from({ length: 1_001 }, () => hit(newYork, '2026-03-29T00:15:00Z')))
    const range = { from: '2026-03-29', to: '2026-03-29', timeZone: 'Asia/Kathmandu' }
    await expect(ask(newYork, range)).rejects.toMatchObject({
      status: 422,
      code: 'zone_not_aligned',
      extra: { rows: 1_001, budget: 1_000 },
    })
    expect((await ask(newYork, { ...range, timeZone: 'Asia/Tokyo' })).meta.servedFrom.rollup).toBe(24)
  })
})

describe('a time series of a merchant whose zone was changed', () => {
  // Hours of Kolkata begin at half hours.
  const moved = { ...shop('a', 'Asia/Kolkata'), formerZones: [{ timeZone: 'UTC', until: Date.parse('2026-03-29') }] }
  const days = { from: '2026-03-27', to: '2026-03-31', interval: 'day', metrics: 'hits' }

  it('is of hits before the change and of stored hours after it, where hours do not line up', async () => {
    const { ask, questions } = await worldOf(hit(moved, '2026-03-27T18:45:00Z'), hit(moved, '2026-03-30T18:45:00Z'))
    const reply = await ask(moved, days)
    expect(reply.buckets.map(({ hits }) => hits)).toEqual([0, 1, 0, 0, 1])
    expect(reply.meta.servedFrom).toMatchObject({ raw: 3, rollup: 2 })
    expect(questions.map(({ from, pieces }) => [from, pieces.length])).toEqual(
      expect.arrayContaining([
        ['raw', 3],
        ['rollup', 2],
      ]),
    )
  })

  it('is refused with what to do where there are too many hits to count', async () => {
    const { ask } = await worldOf(...Array.from({ length: 1_001 }, () => hit(moved, '2026-03-27T18:45:00Z')))
    await expect(ask(moved, days)).rejects.toMatchObject({
      ...{ status: 422, code: 'zone_not_aligned', extra: { rows: 1_001, budget: 1_000 } },
      detail: expect.stringContaining('hitlake rerun hits --merchant a --zones today --snapshot latest'),
    })
    expect((await ask(moved, { ...days, from: '2026-03-30' })).meta.servedFrom).toMatchObject({ raw: 0, cache: 2 })
  })

  it('is refused with the first day that can be counted where hits of before are gone', async () => {
    const { ask } = await worldOf(hit(moved, '2026-03-30T18:45:00Z'))
    const kept = { ...moved, retentionDays: 8 }
    await expect(ask(kept, days)).rejects.toMatchObject({
      ...{ status: 422, code: 'zone_not_aligned', extra: { firstDay: '2026-03-29' } },
    })
    expect((await ask(kept, { ...days, from: '2026-03-29' })).meta.servedFrom).toMatchObject({ raw: 1, cache: 2 })
  })
})

describe('a time series while something is away', () => {
  const merchant = shop('a', 'UTC')
  const range = { from: '2026-04-01', to: '2026-04-01', interval: 'day', metrics: 'hits' }

  it('is the last known one, marked stale, where the engine is; with the freshness it has', async () => {
    const world = await worldOf(hit(merchant, '2026-04-01T10:00:00Z'))
    await world.ask(merchant, range)
    world.clock.advance(60_000)
    world.append(hit(merchant, '2026-04-01T11:00:00Z'))
    await world.commit()
    await world.versions.refresh()
    world.engineMeets.error = engineDown
    for (let n = 0; n < 2; n++) {
      const reply = await world.ask(merchant, range)
      expect(reply.meta).toMatchObject({ stale: true, asOf: now })
      expect(reply.buckets[0]?.hits).toBe(1)
    }
    delete world.engineMeets.error
    const fresh = await world.ask(merchant, range)
    expect(fresh.meta.stale).toBeUndefined()
    expect(fresh.buckets[0]?.hits).toBe(2)
    expect((await world.ask(merchant, range)).meta.servedFrom.cache).toBe(1)
  })

  it('is 503 where nothing is known', async () => {
    const world = await worldOf()
    world.engineMeets.error = engineDown
    await expect(world.ask(merchant, range)).rejects.toMatchObject({ code: 'engine_unavailable' })
  })

  it('says so where the control store is, remembered answers included', async () => {
    const world = await worldOf(hit(merchant, '2026-04-01T10:00:00Z'))
    await world.ask(merchant, range)
    const real = world.store.versionsSince
    world.store.versionsSince = () => Promise.reject(new Error('away'))
    await world.versions.refresh()
    expect((await world.ask(merchant, range)).meta.stale).toBe(true)
    world.store.versionsSince = real
    await world.versions.refresh()
    expect((await world.ask(merchant, range)).meta.stale).toBeUndefined()
  })
})

describe('a question that cannot be answered', () => {
  const merchant = shop('a', 'UTC')

  it('for want of days that are no longer kept is refused, also where it was answered before they went', async () => {
    const { ask } = await worldOf(hit(merchant, '2026-04-01T10:00:00Z'))
    const april = { from: '2026-04-01', to: '2026-04-05', interval: 'day' }
    const visits = { ...april, metrics: 'sessions' }
    expect((await ask(merchant, visits)).buckets[0]).toMatchObject({ sessions: 1 })
    const kept = { ...merchant, retentionDays: 3 }
    // Hits are kept from 2 April on; the visits of a day are decided by two days before it too.
    await expect(ask(kept, visits)).rejects.toMatchObject({
      ...{ status: 422, code: 'beyond_retention', extra: { firstDay: '2026-04-04' } },
    })
    expect((await ask(kept, { ...april, metrics: 'hits' })).buckets[0]).toMatchObject({ hits: 1 })
  })

  const refused = async (parameters: Record<string, string | string[]>) => {
    const world = await createWorld(now)
    try {
      const search = JSON.stringify(parameters)
      await world.timeSeries.answer({ merchant, search, parameters })
    } catch (error) {
      const { status, code, extra } = error as {
        status: number
        code: string
        extra: { errors?: { pointer: string }[] }
      }
      return { status, code, pointers: extra.errors?.map(({ pointer }) => pointer), extra }
    }
    throw new Error('was answered')
  }

  it.each([
    [{ metrics: 'hits,bounces' }, 'unknown_metric', ['/metrics']],
    [{ metrics: '' }, 'unknown_metric', ['/metrics']],
    [{ metrics: 'x,y' }, 'unknown_metric', ['/metrics']],
    [{ metrics: 'hits,' }, 'unknown_metric', ['/metrics']],
    [{ metrics: '__proto__' }, 'unknown_metric', ['/metrics']],
    [{ interval: 'minute' }, 'bad_query', ['/interval']],
    [{ interval: 'Hour' }, 'bad_query', ['/interval']],
    [{ timeZone: 'Mars/Olympus' }, 'unknown_zone', ['/timeZone']],
    [{ filter: '["is","page",["/"]' }, 'bad_query', ['/filter']],
    [{ filter: '["is","page","/"]' }, 'bad_query', ['/filter/0/2']],
    [{ filter: ['["is","page",["/"]]', '["is","paeg",["/"]]'] }, 'unknown_dimension', ['/filter/1/1']],
    [{ filter: Array.from({ length: 21 }, () => '["is","page",["/"]]') }, 'bad_query', ['/filter']],
    [{ limit: '5' }, 'bad_query', ['/limit']],
    [{ 'a/b~c': '5' }, 'bad_query', ['/a~1b~0c']],
    [{ from: ['2026-01-01', '2026-01-02'] }, 'bad_query', ['/from']],
    [{ from: '2026-01-01', to: '2026-01-01T00:00:00Z' }, 'bad_query', ['/to']],
    [
      { metrics: 'x', interval: 'y', timeZone: 'z', from: 'f' },
      'bad_query',
      ['/metrics', '/interval', '/timeZone', '/from'],
    ],
  ])('%j is 400 %s at %j', async (parameters, code, pointers) => {
    expect(await refused(parameters as Record<string, string>)).toMatchObject({ status: 400, code, pointers })
  })

  it('names what would be allowed', async () => {
    expect((await refused({ metrics: 'x' })).extra).toMatchObject({
      allowed: metricNames,
    })
    const { extra } = await refused({ timeZone: 'x' })
    expect((extra as { allowed?: string[] }).allowed).toContain('Europe/Berlin')
  })

  it('for too many buckets is 422, before any engine is asked', async () => {
    expect(await refused({ from: '2025-01-01', to: '2026-12-31' })).toMatchObject({
      status: 422,
      code: 'too_many_buckets',
    })
  })
})
