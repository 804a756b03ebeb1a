/**
 * A rerun under live traffic, with processes that die at any call: before it is promoted every number is what the old plan
 * makes of all accepted hits from the beginning, afterwards what the new plan makes, after a roll back again the old; late
 * hits, repeats, refused hits and what nobody can decode included. Nothing of a cancelled one is left to be read.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../core/adapters/memory/seeded-random.ts'
import { dayMs, hourMs, minuteMs, type ReceivedTime } from '../../core/event-time.ts'
import {
  type GenerationPlace,
  generationFinder,
  generationMap,
  generationTime,
  isInPlace,
} from '../../core/generations.ts'
import type { Hit, HitBatch } from '../../core/hit.ts'
import type { MerchantId } from '../../core/ids.ts'
import type { Rerun, RerunRequest, RerunState } from '../../core/ports/rerun-store.ts'
import { createHasher } from '../../core/sketch/hasher.ts'
import type { LakeRow, TableName } from '../../core/tables.ts'
import { testLength } from '../../core/test/length.ts'
import { createHitsJob, hitsPipeline } from '../../pipelines/jobs/hits.ts'
import type { Pipeline } from '../../pipelines/plan/draft.ts'
import { createRerunExecutor } from '../../pipelines/runtime/rerun/executor.ts'
import { createSplitRunner } from '../../pipelines/runtime/rerun/split-runner.ts'
import { mendedHits } from '../../pipelines/test/support/mended-hits.ts'
import {
  batch,
  createWorld,
  drain,
  hit,
  nextTurn,
  push,
  pushBytes,
  type World,
} from '../../pipelines/test/support/world.ts'
import { firstGeneration, hourlyTable } from '../../schemas/tables.ts'
import { createMemoryLake, MemoryLakeState } from '../adapters/memory/memory-lake.ts'
import { createMemoryRerunLake } from '../adapters/memory/memory-rerun-lake.ts'
import { foldRows } from '../core/fold.ts'
import { createPublisher } from '../core/publisher.ts'
import { createRerunDriver, type RerunDriver } from '../core/reruns/driver.ts'
import { emptyDiff } from '../core/reruns/driver-under-test.ts'

const hasher = await createHasher()
const merchants = ['first-shop', 'second-shop'] as MerchantId[]
const tables = ['hits', 'failed_hits', 'hourly'] as const
const everything: GenerationPlace = { merchant: null, from: null, to: null }

/** What names sources anew, refuses `poisonous`, and takes what merchants have blocked. */
const newPlan: Pipeline = {
  ...mendedHits,
  lambdas: new Map([...mendedHits.lambdas, ['govern', (row: unknown) => ({ to: 'passed', row })]]),
}
const versions = { load: async () => newPlan }

/** Ports of a process that dies at its call of this number, before or after the call has its effect. */
function mortal<Ports extends Record<string, object>>(
  ports: Ports,
  dieAt: number,
): { ports: Ports; died: () => boolean } {
  let calls = 0
  const never = new Promise<never>(() => {})
  const wrap = (target: object): object =>
    new Proxy(target, {
      get(of, name) {
        const member: unknown = Reflect.get(of, name)
        if (typeof member !== 'function') return member
        return (...args: unknown[]) => {
          const result = (dies: boolean) => (dies ? never : Reflect.apply(member, of, args))
          if (name === 'read' || name === 'scan') return result(false)
          calls += 1
          if (calls > dieAt) return never
          if (calls < dieAt) return result(false)
          // Half of the deaths come after the effect.
          if (dieAt % 2 === 0) void Promise.resolve(Reflect.apply(member, of, args)).catch(() => undefined)
          return never
        }
      },
    })
  const wrapped = Object.fromEntries(Object.entries(ports).map(([name, port]) => [name, wrap(port)]))
  return { ports: wrapped as Ports, died: () => calls >= dieAt }
}

async function createSystem(changes: Partial<RerunRequest> = {}) {
  const memory = await createWorld({ merchants })
  const state = new MemoryLakeState()
  const { clock, store, random } = memory
  const lake = createMemoryLake({ random, clock, state })
  const world: World = { ...memory, lake }
  const publisher = createPublisher({ store, lake, clock, timers: clock, owner: 'one', tables, discardGraceMs: 1 })
  const sent: { readonly partition: number; readonly payload: HitBatch | Uint8Array }[] = []
  let driver: { readonly driver: RerunDriver; readonly died: () => boolean } | undefined
  let rerunId = 0

  async function take(payload: HitBatch | Uint8Array): Promise<void> {
    sent.push({ partition: 0, payload })
    if (payload instanceof Uint8Array) pushBytes(world, payload)
    else push(world, [payload])
    await drain(world, { versions })
  }

  /** A driver of a new process, which dies at some call. */
  function begin(dieAt: number): void {
    const { inputs } = createHitsJob({
      ...{ store, visitorHash: hasher.visitorHash, country: () => 'DE', dataSets: { country: '1' } },
      userAgents: {
        read: (text) => ({ bot: text?.includes('bot') ?? false, device: 'desktop', browser: null, os: null }),
      },
    })
    const { ports, died } = mortal({ store, lake, rerunLake: createMemoryRerunLake(state) }, dieAt)
    const runner = createSplitRunner({
      ...{ versions, inputs: () => inputs, store: ports.store, lake: ports.rerunLake, writer: ports.lake },
    })
    const executor = createRerunExecutor({
      ...{ release: hitsPipeline, versions, store: ports.store, lake: ports.rerunLake, inputs, runner },
    })
    const made = createRerunDriver({
      ...{ store: ports.store, executor, clock, timers: clock, random, owner: 'driver' },
      lake: {
        snapshots: (table) => ports.lake.snapshots(table),
        discard: (name) => ports.lake.discard(name),
        stagedNames: () => ports.lake.stagedNames(),
        publishedThrough: async () => 0,
      },
      comparer: { compare: async () => ({ ...emptyDiff, at: clock.now() }) },
      jobs: { hits: 'hits', hourly: 'hits' },
    })
    made.start()
    driver = { driver: made, died }
  }

  const rerun = async () => (await store.rerun(rerunId)) as Rerun

  return {
    clock,
    store,
    rerun,
    async send(merchant: MerchantId, hits: readonly Hit[]) {
      const zone = merchant === merchants[0] ? 'Asia/Kolkata' : 'UTC'
      await take(batch(hits, { merchant, zone, received: clock.now() as number as ReceivedTime }))
    },
    poison: () => take(Buffer.from('poison')),
    publish: () => publisher.publishNow(),
    async ask(): Promise<void> {
      await publisher.publishNow()
      const [newest] = await lake.snapshots('hits')
      const request: RerunRequest = {
        ...{ pipeline: 'hits', plan: 'new', sinks: ['hits', 'hourly'], places: [everything], via: null },
        ...{ dataSets: 'recorded', zones: 'recorded', recovers: null, promote: 'manual', by: 'test' },
        snapshot: newest?.id ?? '0',
        ...changes,
      }
      const asked = await store.createRerun(request, { now: clock.now(), notes: {} })
      if ('meets' in asked) throw new Error('another is in the way')
      rerunId = asked.created.id
    },
    /** Time passes, the driver works and dies and comes again, until the state is reached or so many turns are over. */
    async work(turns: number, deaths: () => number, until?: RerunState): Promise<void> {
      for (let turn = 0; turn < turns; turn++) {
        if (driver === undefined || driver.died()) begin(deaths())
        await nextTurn()
        clock.advance(turn % 4 === 3 ? 250 : 1)
        if (turn % 40 === 39) await publisher.publishNow()
        if (until !== undefined && (await rerun()).state === until) return
      }
      if (until !== undefined) throw new Error(`${JSON.stringify(await rerun(), null, 1)} is not ${until}`)
    },
    async move(how: 'promoteRerun' | 'rollBackRerun' | 'cancelRerun'): Promise<void> {
      const { id, revision } = await rerun()
      const moved = await store[how](id, { revision, now: clock.now(), by: 'test' })
      if (moved === undefined) return this.move(how)
    },
    /** What readers see of a table, by the generation map. */
    async answers(table: (typeof tables)[number]): Promise<readonly LakeRow[]> {
      const { generations } = await store.versionsSince(Number.MAX_SAFE_INTEGER)
      const answering = generationFinder(generationMap(generations), table === 'hourly' ? 'hourly' : 'hits')
      const rows: LakeRow[] = []
      for await (const some of lake.scan(await store.tableView(table))) rows.push(...some)
      return rows.filter((row) => row._gen === answering(String(row.merchant), generationTime(table, row)))
    },
    /** What a plan makes of all that was accepted, in a system of its own. */
    async fresh(plan: Pipeline): Promise<Record<(typeof tables)[number], readonly LakeRow[]>> {
      const other = await createWorld({ merchants })
      for (const { payload } of sent) {
        if (payload instanceof Uint8Array) pushBytes(other, payload)
        else push(other, [payload])
        await drain(other, { plan })
      }
      const rowsOf = async (table: TableName) => {
        const rows: LakeRow[] = []
        for await (const some of other.lake.scan(await other.store.tableView(table))) rows.push(...some)
        return rows
      }
      return { hits: await rowsOf('hits'), failed_hits: await rowsOf('failed_hits'), hourly: await rowsOf('hourly') }
    },
  }
}

type System = Awaited<ReturnType<typeof createSystem>>

/** As text, in one order, without what says who made the row and when. */
function canonical(table: (typeof tables)[number], rows: readonly LakeRow[]): readonly string[] {
  const plain = rows.map((row) => ({ ...row, _gen: firstGeneration }))
  const same = table === 'hourly' ? foldRows(hourlyTable, plain) : plain
  const left = new Set(['_publish', '_row', 'plan', 'data_sets', '_off_from', '_off_to'])
  return same
    .map((row) => Object.entries(row).filter(([name, value]) => !left.has(name) && value !== null))
    .map((row) => JSON.stringify(row.sort(), (_, value) => (typeof value === 'bigint' ? `${value}n` : value)))
    .sort()
}

async function expectNumbersOf(system: System, plan: Pipeline, place: GenerationPlace = everything): Promise<void> {
  const expected = await system.fresh(plan)
  const elsewhere = place === everything ? expected : await system.fresh(hitsPipeline)
  for (const table of tables) {
    const isIn = (row: LakeRow) => isInPlace(place, String(row.merchant), generationTime(table, row))
    const rows = [...expected[table].filter(isIn), ...elsewhere[table].filter((row) => !isIn(row))]
    expect(canonical(table, await system.answers(table)), table).toEqual(canonical(table, rows))
  }
}

const aHit = fc.record({
  merchant: fc.constantFrom(...merchants),
  id: fc.integer({ min: 0, max: 25 }),
  hoursAgo: fc.integer({ min: 0, max: 72 }),
  name: fc.constantFrom('page_view', 'purchase', 'secret', 'poisonous'),
  isBot: fc.boolean(),
})

const traffic = fc.array(fc.array(aHit, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 5 })

async function sendAll(
  system: System,
  batches: readonly (readonly (typeof aHit extends fc.Arbitrary<infer T> ? T : never)[])[],
) {
  for (const each of batches) {
    for (const merchant of merchants) {
      const hits = each.filter((one) => one.merchant === merchant)
      if (hits.length === 0) continue
      await system.send(
        merchant,
        hits.map(({ id, hoursAgo, name, isBot }) => ({
          ...hit({ id: `id-${id}`, name, time: (system.clock.now() - hoursAgo * hourMs) as Hit['time'] }),
          context: isBot ? { userAgent: 'a bot', language: null, screen: null, timeZone: null, campaign: null } : null,
        })),
      )
    }
    await system.poison()
    system.clock.advance(minuteMs)
  }
}

const runs = testLength('RERUN_LAW_RUNS', { short: 6, full: 60 })

describe('a rerun', () => {
  it('gives what a run from the beginning gives, before, after, and back again, whoever dies when', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          before: traffic,
          meanwhile: traffic,
          ready: traffic,
          promoted: traffic,
          seed: fc.integer(),
          place: fc.constantFrom<GenerationPlace>(
            everything,
            { merchant: merchants[0] as MerchantId, from: null, to: null },
            { merchant: null, from: Date.UTC(2026, 1, 27), to: Date.UTC(2026, 1, 28) },
            { merchant: merchants[1] as MerchantId, from: Date.UTC(2026, 1, 26), to: Date.UTC(2026, 2, 1) },
          ),
        }),
        async ({ before, meanwhile, ready, promoted, seed, place }) => {
          const random = seededRandom(seed)
          const deaths = () => 3 + ((random.bytes(1)[0] as number) % 60)
          const system = await createSystem({ places: [place] })
          await sendAll(system, before)
          await system.ask()
          for (const each of meanwhile) {
            await system.work(deaths(), deaths)
            await sendAll(system, [each])
          }
          await expectNumbersOf(system, hitsPipeline)
          await system.work(20_000, deaths, 'ready')
          await sendAll(system, ready)
          await expectNumbersOf(system, hitsPipeline)
          await system.move('promoteRerun')
          await expectNumbersOf(system, newPlan, place)
          await sendAll(system, promoted)
          await expectNumbersOf(system, newPlan, place)
          await system.move('rollBackRerun')
          await sendAll(system, ready)
          await expectNumbersOf(system, hitsPipeline)
          await system.move('promoteRerun')
          await expectNumbersOf(system, newPlan, place)
        },
      ),
      { numRuns: runs },
    )
  })

  it('is as if it had never been, once it is cancelled', async () => {
    await fc.assert(
      fc.asyncProperty(traffic, traffic, fc.integer({ min: 1, max: 120 }), async (before, after, turns) => {
        const system = await createSystem()
        await sendAll(system, before)
        await system.ask()
        await system.work(turns, () => 1_000_000)
        await system.move('cancelRerun')
        await sendAll(system, after)
        await expectNumbersOf(system, hitsPipeline)
        expect((await system.store.writing('hits')).generations).toHaveLength(1)
        system.clock.advance(dayMs)
        await system.work(50, () => 1_000_000)
        expect(await system.store.pins('hits')).toEqual([])
      }),
      { numRuns: runs },
    )
  })
})
