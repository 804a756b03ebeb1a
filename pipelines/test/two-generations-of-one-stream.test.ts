/** From the moment that a rerun's dual writing begins every record is in both generations, each by its own plan, once. */
import { describe, expect, it } from 'vitest'
import { dayMs, hourMs } from '../../core/event-time.ts'
import type { GenerationPlace } from '../../core/generations.ts'
import type { Hit } from '../../core/hit.ts'
import type { Offset } from '../../core/ids.ts'
import type { Rerun, RerunRequest } from '../../core/ports/rerun-store.ts'
import { Watermark } from '../core/watermark.ts'
import { createHitsJob, hitsPipeline } from '../jobs/hits.ts'
import { compilePlan } from '../runtime/compile-plan.ts'
import { EpochOutput } from '../runtime/epoch-output.ts'
import { compileGenerations } from '../runtime/generations-plan.ts'
import { feedHit } from '../runtime/partition.ts'
import type { StreamRunnerOptions } from '../runtime/runner-options.ts'
import { type Failure, failingPorts, failures } from './support/failing-ports.ts'
import { mendedHits } from './support/mended-hits.ts'
import {
  at,
  batch,
  booksOf,
  createWorld,
  drain,
  during,
  hit,
  morning,
  nextTurn,
  push,
  pushBytes,
  rowsOf,
  runnerOn,
  shop,
  until,
  type World,
} from './support/world.ts'

const versions: StreamRunnerOptions['versions'] = {
  load: async (version) => {
    if (version === 'mended') return mendedHits
    throw new Error(`there is no version ${version}`)
  },
}
const passAll = (row: unknown) => ({ to: 'passed', row })
const everything: GenerationPlace = { merchant: null, from: null, to: null }

async function planned(world: World, changes: Partial<RerunRequest> = {}): Promise<Rerun> {
  const request: RerunRequest = {
    ...{ pipeline: 'hits', plan: 'mended', snapshot: '1', sinks: ['hits', 'hourly'], places: [everything] },
    ...{ via: null, dataSets: 'recorded', zones: 'recorded', recovers: null, promote: 'manual', by: 'test' },
    ...changes,
  }
  const outcome = await world.store.createRerun(request, { now: morning, notes: {} })
  if ('meets' in outcome) throw new Error('another rerun is in the way')
  const { id, revision } = outcome.created
  const moved = await world.store.updateRerun(id, { state: 'backfilling' }, { revision, now: morning, by: 'test' })
  if (moved === undefined) throw new Error('the record moved')
  return moved
}

const jobs = { hits: 'hits', hourly: 'hits' }

async function begin(world: World, rerun: Rerun, of: Partial<typeof jobs> = jobs): Promise<Rerun> {
  const { id, revision } = rerun
  const begun = await world.store.beginDualWriting(id, of, { revision, now: morning, by: 'test' })
  if (begun === undefined) throw new Error('the record moved')
  return begun
}

async function idsOf(world: World, generation: number, table: 'hits' | 'failed_hits' = 'hits') {
  const rows = (await rowsOf(world, table)).filter((row) => row._gen === generation)
  return rows.map(({ id, source }) => (table === 'hits' ? `${id} ${source}` : String(id))).sort()
}

/** Hits of the generation by source, of the rollup. */
async function countsOf(world: World, generation: number) {
  const counts = new Map<string, number>()
  for (const row of await rowsOf(world, 'hourly')) {
    if (row._gen !== generation || row.breakdown !== 'source') continue
    counts.set(String(row.value), (counts.get(String(row.value)) ?? 0) + Number(row.hits))
  }
  return Object.fromEntries(counts)
}

describe('a stream that writes two generations', () => {
  it('has every record after the beginning in both, each by its own plan, and none before it', async () => {
    const world = await createWorld()
    push(world, [batch([hit({ id: 'a' })]), batch([hit({ id: 'b' })])])
    await drain(world, { versions })
    const begun = await begin(world, await planned(world))
    expect(begun.barriers).toEqual([{ job: 'hits', source: 'log-1', partition: 0, next: 2 }])
    push(world, [batch([hit({ id: 'a' }), hit({ id: 'c' }), hit({ id: 'd', name: 'poisonous' })])])
    pushBytes(world, Buffer.from('poison'))
    await drain(world, { versions })
    expect(await idsOf(world, 1)).toEqual(['a (direct)', 'b (direct)', 'c (direct)', 'd (direct)'])
    expect(await idsOf(world, 2)).toEqual(['c (mended)'])
    expect(await idsOf(world, 1, 'failed_hits')).toEqual(['null'])
    expect(await idsOf(world, 2, 'failed_hits')).toEqual(['d', 'null'])
    expect([await countsOf(world, 1), await countsOf(world, 2)]).toEqual([{ '(direct)': 4 }, { '(mended)': 1 }])
    // Books are of what was accepted and what the base made of it: a rerun moves nothing in them.
    expect(await booksOf(world)).toMatchObject({ stored: 4, duplicates: 1, failed: 1 })
    const plans = (await rowsOf(world, 'hits')).map(({ _gen, plan }) => `${_gen} ${plan}`)
    expect(plans.filter((each) => each === '2 mended')).toHaveLength(1)
  })

  it('writes every generation that is asked for beside its base', async () => {
    const world = await createWorld({ merchants: ['other'] })
    const other = 'other' as typeof shop
    for (const merchant of [shop, other]) {
      await begin(world, await planned(world, { places: [{ merchant, from: null, to: null }] }))
    }
    push(world, [batch([hit({ id: 'a' })]), batch([hit({ id: 'b' })], { merchant: other })])
    await drain(world, { versions })
    expect(await idsOf(world, 1)).toEqual(['a (direct)', 'b (direct)'])
    expect([await idsOf(world, 2), await idsOf(world, 3)]).toEqual([['a (mended)'], ['b (mended)']])
  })

  it('makes an epoch again that was open when it began', async () => {
    const world = await createWorld()
    const rerun = await planned(world)
    const runner = runnerOn(world, { versions })
    await runner.start()
    push(world, [batch([hit({ id: 'a' })])])
    await until(() => runner.positions.length > 0)
    for (let turn = 0; turn < 20; turn++) await nextTurn()
    const begun = await begin(world, rerun)
    // Nothing was committed yet: all of the stream is the job's own.
    expect(begun.barriers).toEqual([])
    await during(world, runner.stop())
    expect([await idsOf(world, 1), await idsOf(world, 2)]).toEqual([['a (direct)'], ['a (mended)']])
    expect(runner.error).toBeNull()
  })

  it('writes rows of its places only, by the time of a hit and the start of an hour', async () => {
    const world = await createWorld({ merchants: ['other'] })
    const midnight = morning - 9 * hourMs
    const place = { merchant: shop, from: midnight - dayMs, to: midnight }
    await begin(world, await planned(world, { places: [place] }))
    // An hour of Nepal that begins before midnight of UTC holds hits of after it.
    const nepal = { zone: 'Asia/Kathmandu' }
    push(world, [
      batch([hit({ id: 'a' }), hit({ id: 'b', time: at(-9 * hourMs - 1) })]),
      batch([hit({ id: 'c', time: at(-9 * hourMs - 1) })], { merchant: 'other' as typeof shop }),
      batch([hit({ id: 'd', time: at(-9 * hourMs + 60_000) })], nepal),
    ])
    await drain(world, { versions })
    expect(await idsOf(world, 2)).toEqual(['b (mended)'])
    expect(await countsOf(world, 2)).toEqual({ '(mended)': 2 })
  })

  it('says whose numbers changed also where only the new plan stores a hit', async () => {
    const tolerant = { ...mendedHits, lambdas: new Map([...mendedHits.lambdas, ['govern', passAll]]) }
    const world = await createWorld()
    await begin(world, await planned(world))
    const { commit } = await world.store.versionsSince(0)
    push(world, [batch([hit({ id: 's', name: 'secret' })])])
    await drain(world, { versions: { load: async () => tolerant } })
    expect([await idsOf(world, 1), await idsOf(world, 2)]).toEqual([[], ['s (mended)']])
    expect((await world.store.versionsSince(commit)).changes).toMatchObject([{ merchant: shop }])
  })

  it('leaves out what lies before its barrier, should the stream ever be read again from there', async () => {
    const { inputs } = createHitsJob({
      ...{ store: (await createWorld()).store, country: () => null, dataSets: {}, visitorHash: () => 1n },
      userAgents: { read: () => ({ bot: false, device: 'desktop', browser: null, os: null }) },
    })
    await inputs.prepare([shop])
    const output = new EpochOutput()
    const barriers = [{ job: 'hits', source: 'log-1', partition: 0, next: 7 as Offset }]
    const written = { generation: 2, plan: 'mended', sinks: ['hits'], places: [everything], barriers } as const
    const plan = compileGenerations({
      ...{ pipeline: hitsPipeline, job: 'hits', context: inputs.context, output, watermark: new Watermark(0, null) },
      facts: { plan: 'base', dataSets: '{}', source: 'log-1', partition: 0, generation: 1 },
      states: new Map([['drop-repeats', { firstSeen: () => true }]]),
      compile: compilePlan,
      baseSinks: null,
      beside: [{ written, pipeline: mendedHits, plan: 'mended' }],
    })
    for (const offset of [6, 7] as Offset[]) {
      const one = batch([hit({ id: `at ${offset}` })])
      plan.process(feedHit(one, one.hits[0] as Hit, 'log-1', 0, offset, 0), Buffer.alloc(0))
      plan.processUndecodable(Buffer.from('poison'), offset, 1, morning)
    }
    plan.emitPanes()
    const rows = output.filled().flatMap((sink) => sink.rows)
    expect(rows.filter(({ _gen }) => _gen === 2).map(({ _off, _idx }) => [_off, _idx])).toEqual([
      [7, 0],
      [7, 1],
    ])
    expect(rows.filter(({ _gen, bucket }) => _gen === 1 && bucket === undefined)).toHaveLength(4)
  })

  it('writes only the sinks that are made anew', async () => {
    const world = await createWorld()
    await begin(world, await planned(world, { sinks: ['hourly'] }), { hourly: 'hits' })
    push(world, [batch([hit({ id: 'a' }), hit({ id: 'd', name: 'poisonous' })])])
    await drain(world, { versions })
    expect([await idsOf(world, 2), await idsOf(world, 2, 'failed_hits')]).toEqual([[], []])
    expect(await countsOf(world, 2)).toEqual({ '(mended)': 1 })
  })

  it('leaves a sink to the generation that it was released to, and writes the others as before', async () => {
    const world = await createWorld()
    const begun = await begin(world, await planned(world, { sinks: ['hourly'] }), { hourly: 'hits' })
    const move = { now: morning, by: 'test' }
    const ready = await world.store.updateRerun(begun.id, { state: 'ready' }, { ...move, revision: begun.revision })
    const promoted = await world.store.promoteRerun(begun.id, { ...move, revision: ready?.revision ?? 0 })
    await world.store.releaseRerun(begun.id, { ...move, revision: promoted?.revision ?? 0 })
    push(world, [batch([hit({ id: 'a' })])])
    await drain(world, { versions })
    expect([await idsOf(world, 1), await idsOf(world, 2)]).toEqual([['a (direct)'], []])
    expect([await countsOf(world, 1), await countsOf(world, 2)]).toEqual([{}, { '(mended)': 1 }])
    expect(await booksOf(world)).toMatchObject({ stored: 1 })
  })

  it('goes on by the new plan alone once that is released for all, and without it once it is cancelled', async () => {
    for (const end of ['release', 'cancel'] as const) {
      const world = await createWorld()
      const begun = await begin(world, await planned(world))
      push(world, [batch([hit({ id: 'a' })])])
      await drain(world, { versions })
      const move = { now: morning, by: 'test' }
      const { id } = begun
      const ready = await world.store.updateRerun(id, { state: 'ready' }, { ...move, revision: begun.revision })
      if (end === 'cancel') await world.store.cancelRerun(id, { ...move, revision: ready?.revision ?? 0 })
      else {
        const promoted = await world.store.promoteRerun(id, { ...move, revision: ready?.revision ?? 0 })
        await world.store.releaseRerun(id, { ...move, revision: promoted?.revision ?? 0 })
      }
      push(world, [batch([hit({ id: 'b' })])])
      await drain(world, { versions })
      expect([await idsOf(world, 1), await idsOf(world, 2)]).toEqual(
        end === 'cancel'
          ? [['a (direct)', 'b (direct)'], ['a (mended)']]
          : [['a (direct)'], ['a (mended)', 'b (mended)']],
      )
    }
  })
})

describe.each(Object.keys(failures) as Failure[])('while two generations are written, a call that %s', (failure) => {
  it('leaves every record once in each, at every call of every epoch', async () => {
    let point = 1
    for (let more = true; more; point++) {
      const world = await createWorld()
      push(world, [batch([hit({ id: 'a' }), hit({ id: 'b' })])])
      await drain(world, { versions })
      await begin(world, await planned(world))
      push(world, [batch([hit({ id: 'c' }), hit({ id: 'a' })]), batch([hit({ id: 'd', name: 'poisonous' })])])
      const { ports, reached, release } = failingPorts(world, point, failure)
      const runner = runnerOn({ ...world, ...ports }, { versions, epochMaxHits: 2, owner: 'first' })
      const started = runner.start().then(
        () => runner.stop(),
        () => 'refused to start',
      )
      let over = false
      void started.then(() => {
        over = true
      })
      for (let turn = 0, hanging = 0; !over && hanging < 50; turn++) {
        await nextTurn()
        if (turn % 3 === 2) world.clock.advance(1_000)
        if (reached() && failure.startsWith('is where')) hanging += 1
      }
      await drain(world, { versions, epochMaxHits: 2, owner: 'second' })
      release()
      for (let turn = 0; turn < 30; turn++) await nextTurn()
      more = reached()
      expect(await idsOf(world, 1), `point ${point}`).toEqual(['a (direct)', 'b (direct)', 'c (direct)', 'd (direct)'])
      expect([await idsOf(world, 2), await idsOf(world, 2, 'failed_hits')]).toEqual([['c (mended)'], ['d']])
      expect([await countsOf(world, 1), await countsOf(world, 2)]).toEqual([{ '(direct)': 4 }, { '(mended)': 1 }])
    }
    expect(point).toBeGreaterThan(4)
  })
})
