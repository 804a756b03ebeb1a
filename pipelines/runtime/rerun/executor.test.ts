import { describe, expect, it } from 'vitest'
import { dayMs, type EventTime, utcDay } from '../../../core/event-time.ts'
import type { GenerationPlace } from '../../../core/generations.ts'
import type { MerchantId } from '../../../core/ids.ts'
import type { AcceptedDay, RerunLake } from '../../../core/ports/rerun-lake.ts'
import type { GenerationChange } from '../../../core/ports/rerun-store.ts'
import { rerunSplitsMax } from '../../../core/ports/rerun-work.ts'
import { enrich } from '../../jobs/enrich.ts'
import { govern } from '../../jobs/govern.ts'
import { hitFeed } from '../../jobs/hit-feed.ts'
import { failedHits, hits } from '../../jobs/hit-sinks.ts'
import type { HitsContext } from '../../jobs/hits.ts'
import { notErased } from '../../jobs/not-erased.ts'
import { pipeline } from '../../plan/builder.ts'
import { canonicalJson } from '../../plan/canonical.ts'
import { versionOf } from '../../plan/draft.ts'
import { hit } from '../../test/support/world.ts'
import { splitMaxRows, splitPartsMax } from './limits.ts'
import {
  comparable,
  everywhere,
  executorOf,
  firstDay,
  liveWorld,
  localLakes,
  memoryLakes,
  release,
  releaseVersion,
  requestOf,
  rerun,
  type Sent,
  scan,
} from './test/rerun-world.ts'

const lakes = memoryLakes()
const day = (n: number) => firstDay + n * dayMs
const tea = 'tea' as MerchantId

function sent(
  changes: Partial<Parameters<typeof hit>[0]> = {},
  batch: Partial<Extract<Sent, { kind: 'hits' }>> = {},
): Sent {
  const { id: _id, ...plain } = hit({ time: (day(1) + 3_600_000) as EventTime, ...changes })
  return {
    kind: 'hits',
    merchant: 'shop' as MerchantId,
    zone: 'UTC',
    hits: [plain],
    hints: null,
    again: false,
    ...batch,
  }
}

const change = (of: Partial<GenerationChange>): GenerationChange => ({
  ...{ rerun: 1, sink: 'hits', generation: 2, answers: true, order: 1, version: 1 },
  ...{ merchant: null, from: null, to: null },
  ...of,
})

/** A plan that lets pass what the release's refuses, and calls every hit's device a toaster. */
const mended = pipeline<HitsContext>(
  'hits',
  (p) => {
    const accepted = p
      .read(hitFeed, { eventTime: (one) => one.time, watermark: { from: (one) => one.received, delay: '1m' } })
      .dedupe('drop-repeats', { key: ['merchant', 'id'], within: '24h' })
      .filter('erased', notErased, { uses: ['isErased'] })
      .map('enrich', enrich, { uses: ['visitorSeed', 'visitorHash', 'country', 'userAgents'] })
      .map('mend', (one) => ({ ...one, path: '/mended' }))
      .split(
        'govern',
        (one) => (one.name === 'search' ? { to: 'refused', row: one, reason: 'no_search' } : { to: 'kept', row: one }),
        {
          to: { kept: 'rows', refused: 'refused' },
        },
      )
    accepted.refused?.write(failedHits)
    accepted.kept?.write(hits)
  },
  { jobs: { all: [{ name: 'hits' }, { name: 'failed_hits' }] } },
)

/** A plan that has no step for erased hits. */
const forgetful = pipeline<HitsContext>(
  'hits',
  (p) => {
    const accepted = p
      .read(hitFeed, { eventTime: (one) => one.time, watermark: { from: (one) => one.received, delay: '1m' } })
      .dedupe('drop-repeats', { key: ['merchant', 'id'], within: '24h' })
      .map('enrich', enrich, { uses: ['visitorSeed', 'visitorHash', 'country', 'userAgents'] })
      .split('govern', govern, { to: { passed: 'rows', quarantined: 'refused' }, uses: ['blockedNames'] })
    accepted.quarantined.write(failedHits)
    accepted.passed.write(hits)
  },
  { jobs: { all: [{ name: 'hits' }, { name: 'failed_hits' }] } },
)

describe('a rerun with another plan', () => {
  it('brings no erased hit back, though the plan has no step for them', async () => {
    const world = await liveWorld(await lakes.open(), [[sent({ visitor: 'gone' }), sent()]])
    const subject = { kind: 'visitor', value: 'gone' } as const
    await world.store.eraseHits({ merchant: 'shop' as MerchantId, subject, through: day(9), by: 'test', now: 1 })
    const request = requestOf({ plan: versionOf(forgetful), sinks: ['hits'] })
    const made = await rerun(executorOf({ ...world, plans: [forgetful] }), { request, rows: world.rows })
    expect((await scan(world.lake, 'hits', null, made.staged)).map(({ visitor }) => visitor)).toEqual(['v1'])
  })

  it('stores what is refused no more, refuses what passed, and keeps what nobody can decode', async () => {
    const all = [
      sent({ name: 'secret' }),
      sent({ name: 'search' }),
      sent({ name: 'page_view' }),
      { kind: 'poison' } as const,
    ]
    const world = await liveWorld(await lakes.open(), [all])
    const executor = executorOf({ ...world, plans: [mended] })
    const request = requestOf({ plan: versionOf(mended), sinks: ['hits'] })
    expect(await executor.refusal(request)).toBeNull()
    const made = await rerun(executor, { request, rows: world.rows, generation: 5 })
    const stored = await scan(world.lake, 'hits', null, made.staged)
    expect(stored.map(({ name, path, _gen }) => [name, path, _gen]).sort()).toEqual([
      ['page_view', '/mended', 5],
      ['secret', '/mended', 5],
    ])
    const failed = await scan(world.lake, 'failed_hits', null, made.staged)
    expect(failed.map(({ reason, _gen }) => [reason, _gen]).sort()).toEqual([
      ['no_search', 5],
      ['poison_record', 5],
    ])
    const poison = (rows: typeof failed) =>
      comparable(
        'failed_hits',
        rows.filter(({ merchant }) => merchant === ''),
      )
    expect(poison(failed)).toEqual(poison(await world.live('failed_hits')))
    const sum = (pick: 'stored' | 'rowsRead') => made.outputs.reduce((n, each) => n + each[pick], 0)
    expect([sum('stored'), sum('rowsRead')]).toEqual([2, 4])
    expect(made.outputs.map((each) => each.failed)).toEqual([{}, { no_search: 1 }, { poison_record: 1 }])
    const days = made.outputs.flatMap((each) => each.days)
    expect(days).toContainEqual({ merchant: 'shop', day: utcDay(day(1)) })
  })

  it('leaves erased hits out and counts them, whatever steps it has', async () => {
    const world = await liveWorld(await lakes.open(), [
      [sent({ visitor: 'gone' }), sent({ name: 'secret', visitor: 'gone' }), sent()],
    ])
    const subject = { kind: 'visitor', value: 'gone' } as const
    await world.store.eraseHits({ merchant: 'shop' as MerchantId, subject, through: day(9), by: 'test', now: 1 })
    const made = await rerun(executorOf(world), { request: requestOf(), rows: world.rows })
    expect((await scan(world.lake, 'hits', null, made.staged)).map(({ visitor }) => visitor)).toEqual(['v1'])
    expect(await scan(world.lake, 'failed_hits', null, made.staged)).toEqual([])
    expect(made.outputs.map(({ dropped }) => dropped.erased ?? 0).sort()).toEqual([1, 1])
  })
})

describe('what data sets say', () => {
  const today = { bot: true, device: 'tv', browser: 'Lynx', os: 'OS/2' } as const
  const derived = (row: Readonly<Record<string, unknown>>) => [row.country, row.bot, row.device, row.browser, row.os]

  it('is as they say today, or as the row has it, and of refused hits as they say today', async () => {
    const world = await liveWorld(await lakes.open(), [[sent(), sent({ name: 'secret' })]])
    const store = {
      ...world.store,
      merchantsById: async (ids: readonly MerchantId[]) =>
        (await world.store.merchantsById(ids)).map((each) => ({ ...each, blockedNames: [] })),
    }
    const executor = executorOf({
      ...world,
      store,
      country: 'FR',
      agent: today,
      dataSets: { country: '2', other: '7' },
    })
    const made = async (dataSets: 'recorded' | 'today') => {
      const { staged } = await rerun(executor, { request: requestOf({ dataSets }), rows: world.rows })
      const rows = await scan(world.lake, 'hits', null, staged)
      return new Map(rows.map((row) => [row.name, { says: derived(row), dataSets: row.data_sets, plan: row.plan }]))
    }
    const now = { says: ['FR', true, 'tv', 'Lynx', 'OS/2'], dataSets: '{"country":"2","other":"7"}' }
    const plan = (dataSets: Record<string, string>) => ({ plan: release.hash(dataSets) })
    const [recorded, asToday] = [await made('recorded'), await made('today')]
    expect(asToday.get('page_view')).toEqual({ ...now, ...plan({ country: '2', other: '7' }) })
    expect(recorded.get('page_view')).toEqual({
      says: ['DE', false, 'desktop', null, null],
      dataSets: canonicalJson({ country: '1', other: '7' }),
      ...plan({ country: '1', other: '7' }),
    })
    expect(recorded.get('secret')).toEqual({ ...now, ...plan({ country: '2', other: '7' }) })
  })
})

describe('what was accepted', () => {
  it('are the rows of the generation that answers at their place, in both tables', async () => {
    const world = await liveWorld(await lakes.open(), [
      [sent(), sent({ time: day(2) as EventTime }), sent({ name: 'secret' }), sent({}, { merchant: tea })],
    ])
    const all = await rerun(executorOf(world), {
      request: requestOf({ sinks: ['hits'] }),
      rows: world.rows,
      generation: 2,
    })
    const snapshots = new Map(world.rows.map(({ table, snapshot }) => [table, snapshot]))
    for (const table of ['hits', 'failed_hits'] as const) {
      const files = all.staged.filter((file) => file.table === table)
      snapshots.set(table, (await world.lake.publish(table, 2, files)).snapshot)
    }
    const rows = world.rows.map((of) => ({ ...of, snapshot: snapshots.get(of.table) ?? null }))
    const answers = async (changes: readonly GenerationChange[]) => {
      const store = {
        ...world.store,
        versionsSince: async () => ({ ...(await world.store.versionsSince(0)), generations: changes }),
      }
      const executor = executorOf({ ...world, store })
      const counts = []
      for (const generation of [1, 2]) {
        const seen: string[] = []
        const rerunLake: RerunLake = {
          ...world.rerun,
          async *read(...of) {
            for await (const some of world.rerun.read(...of)) {
              yield some.filter((row) => row._gen === generation)
            }
          },
        }
        const { staged } = await rerun(executorOf({ ...world, store, rerun: rerunLake }), {
          request: requestOf({ sinks: ['hits'] }),
          rows,
          generation: 9,
        })
        for (const table of ['hits', 'failed_hits'] as const) {
          for (const row of await scan(world.lake, table, null, staged))
            seen.push(`${row.merchant} ${row.name} ${Number(row.time) >= day(2)}`)
        }
        counts.push(seen.sort())
      }
      const whole = await rerun(executor, { request: requestOf({ sinks: ['hits'] }), rows, generation: 9 })
      expect(whole.staged.reduce((n, file) => n + file.rows, 0)).toBe(4)
      return counts
    }
    const everything = ['shop page_view false', 'shop page_view true', 'shop secret false', 'tea page_view false']
    expect(await answers([])).toEqual([everything, []])
    expect(await answers([change({})])).toEqual([[], everything])
    expect(await answers([change({ answers: false })])).toEqual([everything, []])
    expect(await answers([change({ sink: 'hourly' })])).toEqual([everything, []])
    expect(await answers([change({ merchant: 'shop' as MerchantId, to: day(2) })])).toEqual([
      ['shop page_view true', 'tea page_view false'],
      ['shop page_view false', 'shop secret false'],
    ])
  })
})

describe('splits', () => {
  const days = async (
    counts: Readonly<Record<number, number>>,
    places: readonly GenerationPlace[],
    table: 'hits' | 'failed_hits' = 'hits',
  ) => {
    const found: AcceptedDay[] = Object.entries(counts).map(([n, rows]) => ({
      day: utcDay(day(Number(n))),
      rows,
      bytes: rows * 10,
    }))
    const world = await liveWorld(await lakes.open(), [])
    const lake: RerunLake = { ...world.rerun, days: async () => found }
    const rows = { table, snapshot: 's', after: 0, through: null } as const
    return executorOf({ ...world, rerun: lake }).splits('backfill', [rows], places)
  }

  it('are days, the newest first, those of many rows cut by merchant', async () => {
    const found = await days({ 0: 5, 2: splitMaxRows + 1, 1: splitMaxRows }, everywhere)
    expect(found.map(({ name, part, parts, estimatedRows }) => [name, part, parts, estimatedRows])).toEqual([
      ['backfill-hits-20260303-0.2', 0, 2, 500_001],
      ['backfill-hits-20260303-1.2', 1, 2, 500_001],
      ['backfill-hits-20260302-0.1', 0, 1, splitMaxRows],
      ['backfill-hits-20260301-0.1', 0, 1, 5],
    ])
    expect(await days({ 0: splitMaxRows * 1_000 }, everywhere)).toHaveLength(splitPartsMax)
  })

  it('are those that may hold hits of the places, and of hours that end on the day after', async () => {
    const all = { 0: 1, 1: 1, 2: 1, 3: 1, 4: 1 }
    const names = (found: Awaited<ReturnType<typeof days>>) => found.map((each) => each.day - utcDay(firstDay))
    const place = { merchant: null, from: day(1), to: day(2) }
    expect(names(await days(all, [place]))).toEqual([2, 1])
    expect(names(await days(all, [{ ...place, to: null }]))).toEqual([4, 3, 2, 1])
    expect(names(await days(all, [place, { merchant: null, from: day(4), to: day(5) }]))).toEqual([4, 2, 1])
    // Where it was received, no sooner than it happened.
    expect(names(await days(all, [place], 'failed_hits'))).toEqual([4, 3, 2, 1])
  })

  it('are no more than a rerun may have', async () => {
    const many = Object.fromEntries(Array.from({ length: rerunSplitsMax + 1 }, (_, n) => [n, 1]))
    await expect(days(many, everywhere)).rejects.toMatchObject({ code: 'RERUN_SPLITS_TOO_MANY' })
    delete many[0]
    expect(await days(many, everywhere)).toHaveLength(rerunSplitsMax)
  })

  it('of a table without a snapshot are none', async () => {
    const world = await liveWorld(await lakes.open(), [])
    expect(await executorOf(world).splits('backfill', world.rows, everywhere)).toEqual([])
  })
})

describe('a plan', () => {
  it('that has another dedupe step, that does not write the sink, or that is not kept cannot be run again', async () => {
    const world = await liveWorld(await lakes.open(), [])
    const doubled = pipeline<HitsContext>(
      'hits',
      (p) => {
        const split = p
          .read(hitFeed, { eventTime: (one) => one.time, watermark: { from: (one) => one.received, delay: '1m' } })
          .dedupe('drop-repeats', { key: ['merchant', 'id'], within: '48h' })
          .split('govern', govern, { to: { passed: 'rows', quarantined: 'refused' }, uses: ['blockedNames'] })
        split.quarantined.write(failedHits)
        split.passed
          .map('enrich', enrich, { uses: ['visitorSeed', 'visitorHash', 'country', 'userAgents'] })
          .write(hits)
      },
      { jobs: { all: [{ name: 'hits' }, { name: 'failed_hits' }] } },
    )
    const executor = executorOf({ ...world, plans: [mended, doubled] })
    const refusal = (change: Parameters<typeof requestOf>[0]) => executor.refusal(requestOf(change))
    expect(await refusal({})).toBeNull()
    expect(await refusal({ pipeline: 'sessions' })).toContain("only 'hits'")
    expect(await refusal({ plan: versionOf(mended), sinks: ['hits'] })).toBeNull()
    expect(await refusal({ plan: versionOf(mended) })).toBe("'hits' does not write hourly")
    expect(await refusal({ plan: versionOf(doubled), sinks: ['hits'] })).toContain('dedupe')
    await expect(refusal({ plan: 'gone' })).rejects.toThrow('no plan gone')
  })

  it('makes hours by SQL where these are all that is asked for, and the hits were made by itself', async () => {
    const folders = localLakes()
    const local = await liveWorld(await folders.open(), [])
    const memory = await liveWorld(await lakes.open(), [])
    const methods = (world: typeof local, change: Parameters<typeof requestOf>[0]) =>
      executorOf(world).methods(requestOf(change))
    expect(await methods(local, { sinks: ['hourly'] })).toEqual({ hourly: 'sql' })
    expect(await methods(local, { sinks: ['hourly'], via: 'stream' })).toEqual({ hourly: 'operators' })
    expect(await methods(local, {})).toEqual({ hits: 'operators', hourly: 'operators' })
    expect(await methods(memory, { sinks: ['hourly'] })).toEqual({ hourly: 'operators' })
    const refusal = (world: typeof local, change: Parameters<typeof requestOf>[0]) =>
      executorOf({ ...world, plans: [mended] }).refusal(requestOf({ via: 'sql', ...change }))
    expect(await refusal(local, { sinks: ['hourly'] })).toBeNull()
    expect(await refusal(local, {})).toContain('in the same pass')
    expect(await refusal(local, { sinks: ['hits'] })).toContain('SQL makes no rows of hits')
    expect(await refusal(memory, { sinks: ['hourly'] })).toContain('computes no hours')
    expect(await refusal(local, { sinks: ['hourly'], plan: versionOf(mended) })).toContain(
      `made by plan ${releaseVersion}`,
    )
    await folders.close()
  })
})

describe('a split', () => {
  it('that is cancelled or fails leaves no file of its attempt', async () => {
    const many = Array.from({ length: 30 }, () => sent())
    const world = await liveWorld(await lakes.open(), [many])
    const before = await world.lake.stagedNames()
    const request = requestOf()
    const cancel = new AbortController()
    const limits = { rows: 1, bytes: 1, panes: 1 }
    const pace = async () => cancel.abort(new Error('enough'))
    const executor = executorOf({ ...world, pace, limits })
    const [split] = await executor.splits('backfill', world.rows, everywhere)
    const work = { rerun: 1, generation: 2, request, split: split as never, methods: {}, barriers: {}, attempt: 'a1' }
    await expect(executor.run(work, { signal: cancel.signal })).rejects.toThrow('enough')
    expect(await world.lake.stagedNames()).toEqual(before)
    let calls = 0
    const full = {
      ...world.lake,
      async stage(...of: Parameters<typeof world.lake.stage>) {
        calls += 1
        if (calls > 1) throw new Error('the disk is full')
        return world.lake.stage(...of)
      },
    }
    const failing = executorOf({ ...world, lake: full, limits })
    await expect(failing.run(work, { signal: new AbortController().signal })).rejects.toThrow('the disk is full')
    expect(calls).toBe(2)
    expect(await world.lake.stagedNames()).toEqual(before)
  })
})

describe('places of refused hits', () => {
  it('are a merchant and the days from the first to the last, by reason, within what is asked for', async () => {
    const world = await liveWorld(await lakes.open(), [
      [
        sent({ name: 'secret' }),
        sent({ name: 'secret', time: (day(3) + 5) as EventTime }),
        sent({}, { merchant: tea, zone: 'Not/AZone' }),
        { kind: 'poison' },
      ],
    ])
    const snapshot = world.rows.find(({ table }) => table === 'failed_hits')?.snapshot ?? null
    const store = { ...world.store, tableView: async () => ({ table: 'failed_hits', snapshot, pending: [] }) as const }
    const ask = (reason: string, places = everywhere, limit = 10) =>
      executorOf({ ...world, store }).failedPlaces({ reason, places, limit })
    const shop = { merchant: 'shop', from: day(1), to: day(4) }
    expect(await ask('blocked_name')).toEqual([shop])
    expect(await ask('')).toEqual([shop, { merchant: tea, from: day(1), to: day(2) }])
    expect(await ask('', everywhere, 0)).toHaveLength(1)
    expect(await ask('blocked_name', [{ merchant: null, from: day(2), to: null }])).toEqual([
      { merchant: 'shop', from: day(3), to: day(4) },
    ])
    expect(await ask('unheard_of')).toEqual([])
  })
})
