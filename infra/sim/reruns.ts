/**
 * Reruns in a run: the real driver and executor over the memory lake, and what an operator asks of them. The plan that they
 * bring in refuses nothing that can be decoded, so that its numbers are another's, and easily recounted.
 */
import { seededRandom } from '../../core/adapters/memory/seeded-random.ts'
import type { GenerationSink } from '../../core/generations.ts'
import type { ControlStore } from '../../core/ports/control-store.ts'
import type { RerunLake } from '../../core/ports/rerun-lake.ts'
import type { Rerun, RerunRequest } from '../../core/ports/rerun-store.ts'
import { createRerunDriver, type RerunDriver } from '../../lakehouse/core/reruns/driver.ts'
import { emptyDiff } from '../../lakehouse/core/reruns/driver-under-test.ts'
import { hitsPipeline } from '../../pipelines/jobs/hits.ts'
import type { Pipeline } from '../../pipelines/plan/draft.ts'
import { createRerunExecutor } from '../../pipelines/runtime/rerun/executor.ts'
import { createSplitRunner } from '../../pipelines/runtime/rerun/split-runner.ts'
import type { SideInputs } from '../../pipelines/runtime/side-inputs.ts'
import type { PlanVersions } from '../../pipelines/runtime/writing.ts'
import { type Doing, shops } from './plan.ts'
import type { SimProcess } from './process.ts'
import type { Servers, SimLake } from './servers.ts'

/** What merchants have blocked passes. */
const permissivePlan: Pipeline = {
  ...hitsPipeline,
  lambdas: new Map([...hitsPipeline.lambdas, ['govern', (row: unknown) => ({ to: 'passed', row })]]),
  hash: () => 'permissive',
}
export const planVersions: PlanVersions = { load: async () => permissivePlan }

export interface RerunParts {
  readonly process: SimProcess
  readonly servers: Pick<Servers, 'rerunLake'>
  readonly store: ControlStore
  readonly lake: SimLake
  readonly inputs: () => SideInputs
  readonly seed: number
  readonly owner: string
  readonly jobs: Readonly<Record<GenerationSink, string>>
  readonly publishSoon: () => void
  readonly onError: (error: unknown) => void
}

export interface SimReruns {
  readonly driver: RerunDriver
  /** One thing that an operator does, as the rerun there is allows it. */
  operate(doing: Extract<Doing, { do: 'rerun' }>): Promise<string>
}

export function createSimReruns(parts: RerunParts): SimReruns {
  const { process, store, lake, inputs, owner, jobs } = parts
  const { clock, timers } = process
  const rows = rerunLakeOf(process, parts.servers.rerunLake)
  const runner = createSplitRunner({ versions: planVersions, inputs, store, lake: rows, writer: lake })
  const executor = createRerunExecutor({
    ...{ release: hitsPipeline, versions: planVersions, store, lake: rows, inputs: inputs(), runner },
  })
  const driver = createRerunDriver({
    ...{ store, executor, clock, timers, owner, jobs, random: seededRandom(parts.seed) },
    lake: {
      snapshots: (table) => lake.snapshots(table),
      discard: (name) => lake.discard(name),
      stagedNames: () => lake.stagedNames(),
      async publishedThrough(table, snapshot) {
        let through = 0
        for await (const some of lake.scan({ table, snapshot, pending: [] })) {
          for (const { _publish } of some) through = Math.max(through, Number(_publish))
        }
        return through
      },
    },
    comparer: { compare: async () => ({ ...emptyDiff, at: clock.now() }) },
    publishSoon: parts.publishSoon,
    onError: parts.onError,
  })
  return {
    driver,
    async operate(doing) {
      const [rerun] = await store.reruns({ limit: 1 })
      const how = nextMove(rerun, doing.pick)
      if (how === 'createRerun') {
        const [newest] = await lake.snapshots('hits')
        if (newest === undefined) return 'nothing to rerun'
        await store.createRerun(requestOf(doing, newest.id), { now: clock.now(), notes: {} })
      } else if (how !== 'nothing' && rerun !== undefined) {
        await store[how](rerun.id, { revision: rerun.revision, now: clock.now(), by: 'the simulation' })
      }
      driver.kick()
      return how
    },
  }
}

type Move = 'promoteRerun' | 'rollBackRerun' | 'cancelRerun' | 'releaseRerun'

/** One rerun at a time, and none after one that was released: then the plan that it brought in is the one there is. */
function nextMove(rerun: Rerun | undefined, pick: number): Move | 'createRerun' | 'nothing' {
  switch (rerun?.state) {
    case undefined:
    case 'cancelled':
      return 'createRerun'
    case 'ready':
      return pick < 80 ? 'promoteRerun' : 'cancelRerun'
    case 'promoted':
      return pick < 60 ? 'rollBackRerun' : 'releaseRerun'
    case 'rolled_back':
      return pick < 60 ? 'promoteRerun' : 'cancelRerun'
    case 'failed':
      return 'cancelRerun'
    case 'released':
      return 'nothing'
    default:
      return pick < 15 ? 'cancelRerun' : 'nothing'
  }
}

function requestOf({ merchant }: Extract<Doing, { do: 'rerun' }>, snapshot: string): RerunRequest {
  return {
    ...{ pipeline: 'hits', plan: 'permissive', snapshot, sinks: ['hits', 'hourly'], via: null },
    ...{ dataSets: 'recorded', zones: 'recorded', recovers: null, promote: 'manual', by: 'the simulation' },
    places: [{ merchant: merchant === null ? null : (shops[merchant]?.id ?? null), from: null, to: null }],
  }
}

function rerunLakeOf(process: SimProcess, lake: RerunLake): RerunLake {
  return {
    days: (...args) => process.ask('lake', 'days', ['refused'], () => lake.days(...args)),
    async *read(...args) {
      yield* await process.ask('lake', 'read rows', ['refused'], async () => {
        const found = []
        for await (const some of lake.read(...args)) found.push(some)
        return found
      })
    },
    sql: null,
  }
}
