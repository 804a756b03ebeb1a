/** What outlives every process: the control store, the lake and the objects, each as the simulation's machines reach it. */
import './web-assembly.ts'
import { seededRandom } from '../../core/adapters/memory/seeded-random.ts'
import { EngineUnavailableError, SnapshotNotFoundError } from '../../core/errors.ts'
import type { Clock } from '../../core/ports/clock.ts'
import type { QueryEngine } from '../../core/ports/query-engine.ts'
import type { RerunLake } from '../../core/ports/rerun-lake.ts'
import { createHasher } from '../../core/sketch/hasher.ts'
import {
  createMemoryControlStore,
  type MemoryControlStore,
} from '../../lakehouse/adapters/memory/memory-control-store.ts'
import { createMemoryDerive } from '../../lakehouse/adapters/memory/memory-derive.ts'
import { createMemoryLake, MemoryLakeState } from '../../lakehouse/adapters/memory/memory-lake.ts'
import { createMemoryQueryEngine } from '../../lakehouse/adapters/memory/memory-query-engine.ts'
import { createMemoryRerunLake } from '../../lakehouse/adapters/memory/memory-rerun-lake.ts'
import { shops } from './plan.ts'
import { createUserAgentsUnderSimulation } from './side-inputs.ts'
import { SimObjects } from './sim-objects.ts'

// Compiled once, before any run: a run must not wait for anything that is not simulated.
export const hasher = await createHasher()
export const userAgents = createUserAgentsUnderSimulation()

export type SimLake = ReturnType<typeof createLake>

function createLake(state: MemoryLakeState, seed: number, clock: Clock) {
  const memory = { state, random: seededRandom(seed), clock }
  const plain = createMemoryLake(memory)
  return { ...plain, ...createMemoryDerive({ ...memory, lake: plain }) }
}

export interface Servers {
  readonly store: MemoryControlStore
  readonly lake: SimLake
  readonly rerunLake: RerunLake
  readonly objects: SimObjects
  readonly engine: QueryEngine
}

/** Empty, but for the shops. `visible`: whether readers see what is committed or what is published. */
export async function createServers(seed: number, clock: Clock, visible: 'committed' | 'published'): Promise<Servers> {
  const store = createMemoryControlStore({ visible })
  for (const shop of shops) await store.createMerchant(shop, [])
  const state = new MemoryLakeState()
  const lake = createLake(state, seed, clock)
  return {
    store,
    lake,
    rerunLake: createMemoryRerunLake(state),
    objects: new SimObjects(),
    engine: asEngine(createMemoryQueryEngine({ lake })),
  }
}

/** As the engines of DuckDB and Trino say it where a file of the view is gone: try again. */
function asEngine(engine: QueryEngine): QueryEngine {
  const asked =
    <A extends unknown[], R>(ask: (...args: A) => Promise<R>) =>
    (...args: A): Promise<R> =>
      ask(...args).catch((cause: unknown) => {
        const isGone = cause instanceof Error && cause.message.startsWith('there is no staged file')
        throw isGone || cause instanceof SnapshotNotFoundError ? new EngineUnavailableError({ cause }) : cause
      })
  return {
    hits: asked(engine.hits),
    visits: asked(engine.visits),
    knownIds: asked(engine.knownIds),
    erasedDays: asked(engine.erasedDays),
  }
}
