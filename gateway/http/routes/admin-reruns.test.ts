import type { FastifyInstance } from 'fastify'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { ManualClock } from '../../../core/adapters/memory/manual-clock.ts'
import { RerunRefusedError, SnapshotNotFoundError, TrinoUnavailableError } from '../../../core/errors.ts'
import { dayMs } from '../../../core/event-time.ts'
import type { GenerationPlace } from '../../../core/generations.ts'
import type { MerchantId } from '../../../core/ids.ts'
import type { RerunEstimate, RerunPlanner, RerunQuestion } from '../../../core/ports/rerun-service.ts'
import { openRerunsMax } from '../../../core/ports/rerun-store.ts'
import { createMemoryControlStore } from '../../../lakehouse/adapters/memory/memory-control-store.ts'
import { buildApp } from '../../app.ts'
import { createKeyDirectory, hashKey } from '../../core/keys.ts'
import { createReadiness } from '../../core/readiness.ts'
import { rerunByMaxLength, rerunNoteMaxLength, rerunReasonMaxLength } from '../../core/rerun-requests.ts'
import { moveTriesMax } from '../../core/rerun-verbs.ts'
import { shownPlacesMax } from '../../core/rerun-view.ts'
import { formerZoneMarginMs } from '../../core/stored-hours.ts'
import { createMetrics } from '../plugins/metrics.ts'
import { adminRerunsRoutes, rerunsPerPage } from './admin-reruns.ts'

const closers: (() => Promise<unknown>)[] = []
afterAll(async () => {
  for (const close of closers) await close()
})

const estimate: RerunEstimate = {
  generation: 2,
  snapshot: '11',
  publish: 5,
  places: 1,
  splits: 2,
  rows: 10,
  bytes: 100,
  days: { first: 20_000, last: 20_001 },
  buckets: 10,
  methods: { hits: 'operators' },
  methodReasons: { hits: 'code' },
  plan: { live: 'old', rerun: 'new' },
  dataSets: 'recorded',
  zones: 'recorded',
  goesOnCosting: 'twice',
}

async function setUp() {
  const clock = new ManualClock(Date.parse('2026-06-01T00:00:00Z'))
  const store = createMemoryControlStore()
  const key = { merchant: null, kind: 'server', origins: [], quota: null, tool: null } as const
  await store.addKey({ ...key, hash: hashKey('admin'), rights: ['admin'] })
  await store.addKey({ ...key, hash: hashKey('reader'), rights: ['read'] })
  const shop = { id: 'shop' as MerchantId, name: 'Shop', timeZone: 'UTC', currency: 'EUR', blockedNames: [] }
  await store.createMerchant({ ...shop, visitorSeed: '0000000000000000', retentionDays: null }, [])
  const asked: RerunQuestion[] = []
  const trouble: Error[] = []
  const planner: RerunPlanner = {
    async plan(question) {
      asked.push(question)
      const error = trouble.pop()
      if (error !== undefined) throw error
      const { from, to, merchant, sinks, plan, ...rest } = question
      const places: GenerationPlace[] = [{ merchant, from, to }]
      return { request: { ...rest, places, sinks: sinks ?? ['hits', 'hourly'], plan: plan ?? 'new' }, estimate }
    },
  }
  let changes = 0
  const onChanged = async () => {
    changes += 1
  }
  let lag = 0
  const freshness = { read: () => clock.now() - lag }
  const options = { store, planner, clock, freshness, keys: createKeyDirectory({ store, clock }), onChanged }
  const app = await buildApp({
    timers: clock,
    readiness: createReadiness([]),
    metrics: createMetrics(),
    plugins: [async (each: FastifyInstance) => void (await each.register(adminRerunsRoutes, options))],
  })
  closers.push(() => app.close())
  const ask = async (method: 'GET' | 'POST', path: string, payload?: object, by = 'admin') => {
    const headers = { authorization: `Bearer ${by}` }
    const reply = await app.inject({ method, url: `/v1/admin/reruns${path}`, headers, ...(payload && { payload }) })
    return { status: reply.statusCode, body: reply.json(), headers: reply.headers }
  }
  /** One that the driver has brought so far. */
  const ready = async (id: number) => {
    const move = async () => ({ revision: (await store.rerun(id))?.revision ?? 0, now: clock.now(), by: 'the driver' })
    await store.updateRerun(id, { state: 'backfilling' }, await move())
    await store.beginDualWriting(id, { hits: 'hits', hourly: 'hits' }, await move())
    await store.updateRerun(id, { state: 'ready' }, await move())
  }
  const lagBy = (ms: number) => {
    lag = ms
  }
  return { ask, store, clock, asked, trouble, ready, lagBy, changes: () => changes }
}

let world: Awaited<ReturnType<typeof setUp>>
beforeEach(async () => {
  world = await setUp()
})

const some = { pipeline: 'hits', snapshot: '11' }

describe('a rerun in present time zones', () => {
  const body = { ...some, merchant: 'shop', zones: 'today' }

  it('is recorded with up to when hits had been processed, once none of a former zone is on its way', async () => {
    const { ask, store, clock, lagBy } = world
    const changedAt = clock.now()
    await store.updateMerchant('shop' as MerchantId, { zone: { timeZone: 'Asia/Kolkata', now: changedAt } })
    const seconds = formerZoneMarginMs / 1_000
    const refused = async (after: number) => {
      const { status, body: problem, headers } = await ask('POST', '', body)
      expect([status, problem.code, Number(headers['retry-after'])]).toEqual([503, 'zone_settling', after])
    }
    await refused(seconds)
    clock.advance(formerZoneMarginMs)
    lagBy(1)
    await refused(1)
    // However far behind, nobody is told to come back in years.
    lagBy(clock.now())
    await refused(seconds)
    expect(await store.reruns({ limit: 1 })).toEqual([])
    lagBy(0)
    expect((await ask('POST', '', body)).status).toBe(202)
    expect((await store.rerun(1))?.request).toMatchObject({ zones: 'today', zonesAsOf: clock.now() })
  })

  it('of all merchants waits for none of them, and one in recorded zones has no such time', async () => {
    const { ask, store, clock } = world
    await store.updateMerchant('shop' as MerchantId, { zone: { timeZone: 'Asia/Kolkata', now: clock.now() } })
    expect((await ask('POST', '', { ...some, zones: 'today', sinks: ['hits'] })).status).toBe(202)
    expect((await ask('POST', '', { ...some, merchant: 'shop', sinks: ['hourly'] })).status).toBe(202)
    expect((await store.rerun(1))?.request.zonesAsOf).toBe(clock.now())
    expect((await store.rerun(2))?.request).not.toHaveProperty('zonesAsOf')
  })
})

describe('a rerun that is asked for', () => {
  it('is planned and recorded, and says where it is', async () => {
    const { ask, store, changes } = world
    const { status, body, headers } = await ask('POST', '', { ...some, by: 'ada' })
    expect(status).toBe(202)
    expect(headers.location).toBe('/v1/admin/reruns/1')
    expect(body).toMatchObject({
      id: 1,
      state: 'planned',
      plan: { firstDay: '2024-10-04', lastDay: '2024-10-05', rows: 10 },
    })
    expect((await store.rerun(1))?.request).toMatchObject({ by: 'ada', plan: 'new', places: [{ merchant: null }] })
    expect(changes()).toBe(1)
  })

  it('has UTC days, the last one included, and all that was chosen', async () => {
    const { ask, asked } = world
    const chosen = { via: 'sql', dataSets: 'today', zones: 'today', promote: 'auto', plan: 'other' }
    const days = {
      from: '2026-03-01',
      to: '2026-03-02',
      merchant: 'shop',
      sinks: ['hourly', 'hits'],
      failed: 'bad_currency',
    }
    expect((await ask('POST', '', { ...some, ...days, ...chosen })).status).toBe(202)
    expect(asked).toEqual([
      {
        ...{ ...some, ...chosen, by: 'an administrator', merchant: 'shop', recovers: 'bad_currency' },
        ...{ from: Date.parse('2026-03-01'), to: Date.parse('2026-03-02') + dayMs, sinks: ['hits', 'hourly'] },
      },
    ])
    await ask('POST', '', { ...some, failed: true, dryRun: true })
    expect(asked[1]).toMatchObject({
      recovers: '',
      from: null,
      to: null,
      merchant: null,
      sinks: null,
      via: null,
      plan: null,
    })
  })

  it('is only planned in a dry run', async () => {
    const { ask, store, changes } = world
    expect(await ask('POST', '', { ...some, dryRun: true })).toMatchObject({
      status: 200,
      body: { plan: { rows: 10 } },
    })
    expect(await store.reruns({ limit: 1 })).toEqual([])
    expect(changes()).toBe(0)
  })

  it('is refused where it meets another, which is named; elsewhere it is not', async () => {
    const { ask } = world
    await ask('POST', '', { ...some, to: '2026-03-02' })
    expect(await ask('POST', '', { ...some, from: '2026-03-02' })).toMatchObject({
      status: 409,
      body: { code: 'rerun_overlaps', rerun: 1, detail: expect.stringContaining('rerun 1 (planned') },
    })
    expect(await ask('POST', '', { ...some, from: '2026-03-02', dryRun: true })).toMatchObject({
      status: 200,
      body: { inTheWay: 1 },
    })
    const elsewhere = { ...some, from: '2026-03-03' }
    expect((await ask('POST', '', { ...elsewhere, dryRun: true })).body.inTheWay).toBeNull()
    expect((await ask('POST', '', elsewhere)).status).toBe(202)
  })

  it('is refused where there are too many', async () => {
    const { ask } = world
    for (let day = 1; day <= openRerunsMax; day++) {
      const date = `2026-03-${String(day).padStart(2, '0')}`
      expect((await ask('POST', '', { ...some, from: date, to: date })).status).toBe(202)
    }
    expect(await ask('POST', '', { ...some, from: '2026-05-01' })).toMatchObject({
      status: 409,
      body: { code: 'too_many_reruns' },
    })
  })

  it.each([
    [new SnapshotNotFoundError('hits', '11'), 404, 'not_found'],
    [new RerunRefusedError('hits was rolled back'), 422, 'rerun_refused'],
    [new TrinoUnavailableError('connection'), 503, 'engine_unavailable'],
  ])('is refused with a code of its own, and nothing is recorded: %s', async (error, status, code) => {
    const { ask, store, trouble } = world
    trouble.push(error)
    expect(await ask('POST', '', some)).toMatchObject({ status, body: { code } })
    expect(await store.reruns({ limit: 1 })).toEqual([])
  })

  it.each([
    [{}, '/pipeline'],
    [{ ...some, snapshot: 'latest' }, '/snapshot'],
    [{ ...some, from: '2026-02-30' }, '/from'],
    [{ ...some, from: '2026-03-02', to: '2026-03-01' }, '/to'],
    [{ ...some, sinks: [] }, '/sinks'],
    [{ ...some, sinks: ['sessions'] }, '/sinks/0'],
    [{ ...some, sinks: ['hits', 'hits'] }, '/sinks'],
    [{ ...some, failed: false }, '/failed'],
    [{ ...some, merchant: 'No' }, '/merchant'],
    [{ ...some, via: 'hand' }, '/via'],
    [{ ...some, promote: 'soon' }, '/promote'],
    [{ ...some, dryrun: true }, ''],
  ])('is refused whole where it cannot be read: %j', async (body, pointer) => {
    const { ask, asked } = world
    const reply = await ask('POST', '', body)
    expect(reply).toMatchObject({ status: 400, body: { code: 'bad_query' } })
    expect(reply.body.errors.map((fault: { pointer: string }) => fault.pointer)).toContain(pointer)
    expect(asked).toEqual([])
  })

  it('names who asks and why in texts of so many characters, and no more', async () => {
    const { ask, asked } = world
    const texts = { by: rerunByMaxLength, failed: rerunReasonMaxLength }
    for (const [field, max] of Object.entries(texts)) {
      const fine = { ...some, dryRun: true, [field]: 'x'.repeat(max) }
      expect((await ask('POST', '', fine)).status, field).toBe(200)
      const refused = await ask('POST', '', { ...fine, [field]: 'x'.repeat(max + 1) })
      expect(refused, field).toMatchObject({ status: 400, body: { errors: [{ pointer: `/${field}` }] } })
    }
    expect(asked).toHaveLength(2)
  })

  it('is of a merchant there is', async () => {
    expect(await world.ask('POST', '', { ...some, merchant: 'nobody' })).toMatchObject({ status: 404 })
  })
})

describe('one rerun', () => {
  it('is shown whole: what was asked, how far it is, what it costs, who did what', async () => {
    const { ask, ready, clock } = world
    await ask('POST', '', { ...some, from: '2026-03-01', to: '2026-03-04', by: 'ada' })
    await ready(1)
    clock.advance(8 * dayMs)
    await ask('POST', '/1/promote', { by: 'bea', note: 'as agreed' })
    clock.advance(8 * dayMs)
    const { body } = await ask('GET', '/1')
    expect(body).toMatchObject({
      ...{ id: 1, generation: 2, state: 'promoted', firstDay: '2026-03-01', lastDay: '2026-03-04', merchant: null },
      ...{ possible: ['rollback', 'release'], bothForDays: 8, diff: null, by: 'ada' },
      request: { plan: 'new', places: [{ merchant: null, firstDay: '2026-03-01', lastDay: '2026-03-04' }] },
      plan: { rows: 10, generation: 2 },
    })
    expect(body.writing.map(({ generation }: { generation: number }) => generation)).toEqual([1, 2])
    expect(body.events.at(-1)).toEqual({
      ...{ at: '2026-06-09T00:00:00.000Z', state: 'promoted', by: 'bea', note: 'as agreed' },
    })
  })

  it('moves by its verbs, as its state allows', async () => {
    const { ask, ready, changes } = world
    await ask('POST', '', some)
    expect(await ask('POST', '/1/pause')).toMatchObject({ status: 200, body: { state: 'paused', rests: 'planned' } })
    expect(await ask('POST', '/1/resume')).toMatchObject({ status: 200, body: { state: 'planned', rests: null } })
    await ready(1)
    for (const [verb, state] of [
      ['promote', 'promoted'],
      ['rollback', 'rolled_back'],
      ['promote', 'promoted'],
      ['release', 'released'],
    ]) {
      expect(await ask('POST', `/1/${verb}`, {})).toMatchObject({ status: 200, body: { state } })
    }
    expect(changes()).toBe(7)
  })

  it('does not move as its state does not allow: what it does is named', async () => {
    const { ask, ready } = world
    await ask('POST', '', some)
    expect(await ask('POST', '/1/promote')).toMatchObject({
      status: 409,
      body: { code: 'rerun_state', state: 'planned', possible: ['pause', 'cancel'] },
    })
    await ready(1)
    await ask('POST', '/1/promote')
    const refused = await ask('POST', '/1/cancel')
    expect(refused).toMatchObject({ status: 409, body: { possible: ['rollback', 'release'] } })
    expect(refused.body.detail).toBe('rerun 1 is promoted, and cannot be cancelled; possible now: rollback, release')
    expect((await ask('GET', '/1')).body.state).toBe('promoted')
  })

  it('is not rolled back from under one that was promoted over it', async () => {
    const { ask, ready } = world
    await ask('POST', '', { ...some, sinks: ['hourly'] })
    await ready(1)
    await ask('POST', '/1/promote')
    await ask('POST', '/1/release')
    await ask('POST', '', some)
    await ready(2)
    await ask('POST', '/2/promote')
    expect(await ask('POST', '/1/rollback')).toMatchObject({ status: 409, body: { code: 'rerun_state' } })
    expect(await ask('POST', '/2/rollback')).toMatchObject({ status: 200 })
  })

  it('is moved although the driver changes its record at the same time', async () => {
    const { ask, store, clock } = world
    await ask('POST', '', some)
    const original = store.updateRerun.bind(store)
    let met = 0
    store.updateRerun = async (id, change, move) => {
      if (met++ < 3) await original(id, { notes: { met } }, { ...move, now: clock.now(), by: 'the driver' })
      return original(id, change, move)
    }
    expect(await ask('POST', '/1/pause')).toMatchObject({ status: 200, body: { state: 'paused' } })
  })

  it('is not moved where its record changes whenever it was read: tried so often, then 503', async () => {
    const { ask, store } = world
    await ask('POST', '', some)
    let tries = 0
    store.updateRerun = async () => {
      tries += 1
      return undefined
    }
    const refused = await ask('POST', '/1/pause')
    expect(refused).toMatchObject({ status: 503, body: { code: 'control_store_unavailable' } })
    expect(tries).toBe(moveTriesMax)
    expect((await ask('GET', '/1')).body.state).toBe('planned')
  })

  it('takes a note of so many characters, and no more', async () => {
    const { ask } = world
    await ask('POST', '', some)
    const refused = await ask('POST', '/1/pause', { note: 'x'.repeat(rerunNoteMaxLength + 1) })
    expect(refused).toMatchObject({ status: 400, body: { errors: [{ pointer: '/note' }] } })
    const note = 'x'.repeat(rerunNoteMaxLength)
    expect((await ask('POST', '/1/pause', { note })).status).toBe(200)
    expect((await ask('GET', '/1')).body.events.at(-1).note).toBe(note)
  })

  it('shows so many of its places, and how many there are', async () => {
    const { ask, store, clock } = world
    const places = Array.from({ length: shownPlacesMax + 1 }, (_, day) => {
      const from = Date.parse('2026-01-01') + day * dayMs
      return { merchant: null, from, to: from + dayMs }
    })
    const { pipeline, snapshot } = some
    const chosen = { via: null, dataSets: 'recorded', zones: 'recorded', recovers: null, promote: 'manual' } as const
    const request = { ...chosen, pipeline, snapshot, places, sinks: ['hits'], plan: 'new', by: 'ada' } as const
    await store.createRerun(request, { now: clock.now(), notes: { estimate } })
    const { body } = await ask('GET', '/1')
    expect(body.request.places).toHaveLength(shownPlacesMax)
    expect(body.request.placesInAll).toBe(shownPlacesMax + 1)
    expect(body.lastDay).toBe('2026-04-11')
  })

  it('is listed with the others, newest first, a page at a time', async () => {
    const { ask, store } = world
    const place = { merchant: null, from: 0, to: dayMs }
    for (let n = 0; n <= rerunsPerPage; n++) {
      const { question, ...rest } = { question: some, sinks: ['hits'] as const, via: null, recovers: null }
      const kinds = { dataSets: 'recorded', zones: 'recorded', promote: 'manual', plan: 'new', by: 'ada' } as const
      await store.createRerun({ ...question, ...rest, ...kinds, places: [place] }, { now: 0, notes: {} })
      await store.cancelRerun(n + 1, { revision: 1, now: 0, by: 'ada' })
    }
    await ask('POST', '', some)
    const page = (await ask('GET', '')).body
    expect(page.reruns).toHaveLength(rerunsPerPage)
    expect(page.reruns[0]).toMatchObject({ id: 102, state: 'planned' })
    expect((await ask('GET', `?before=${page.next}`)).body.reruns.map(({ id }: { id: number }) => id)).toEqual([2, 1])
    expect((await ask('GET', '?state=open')).body.reruns).toHaveLength(1)
    expect((await ask('GET', '?state=closed&before=x&more=1')).status).toBe(400)
  })

  it('is there or is not', async () => {
    expect((await world.ask('GET', '/1')).status).toBe(404)
    expect((await world.ask('GET', '/one')).status).toBe(404)
    expect((await world.ask('POST', '/1/promote')).status).toBe(404)
  })

  it('needs an admin key', async () => {
    expect((await world.ask('POST', '', some, 'reader')).status).toBe(403)
    expect((await world.ask('GET', '', undefined, 'reader')).status).toBe(403)
    expect((await world.ask('POST', '/1/promote', {}, 'reader')).status).toBe(403)
  })
})
