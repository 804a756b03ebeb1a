/** Bugs of our own kind, planted one at a time: the simulator must find each of them, and shrink what it found. */
import { describe, expect, it } from 'vitest'
import type { Offset } from '../../core/ids.ts'
import type { ControlStore } from '../../core/ports/control-store.ts'
import type { HitLog } from '../../core/ports/hit-log.ts'
import type { Planted } from './hands.ts'
import { runSeed } from './run-seed.ts'
import type { SimLake } from './servers.ts'
import { shrink } from './shrink.ts'

const steps = 500
/** The first of so many seeds finds each. */
const seeds = 30

/** Answers as soon as the record is in memory. */
const acknowledgeBeforeSync = (log: HitLog): HitLog =>
  new Proxy(log, {
    get(target, name) {
      if (name === 'append') {
        return async (payload: Uint8Array) => {
          const offset = target.next
          target.append(payload).catch(() => undefined)
          return offset
        }
      }
      const value = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })

/** Begins one record too early, and moves the positions whatever they were. */
function ignorePositions<S extends ControlStore>(store: S): S {
  const next = new Map<number, Offset>()
  return {
    ...store,
    async acquirePartitions(...args: Parameters<ControlStore['acquirePartitions']>) {
      const taken = await store.acquirePartitions(...args)
      for (const position of taken.positions) next.set(position.partition, position.next)
      const positions = taken.positions.map((each) => ({
        ...each,
        next: Math.max(0, each.next - 1) as Offset,
        forwarded: {},
      }))
      return { ...taken, positions }
    },
    async commitEpoch(commit: Parameters<ControlStore['commitEpoch']>[0]) {
      const partitions = commit.partitions.map((each) => ({ ...each, from: next.get(each.partition) ?? each.from }))
      const done = await store.commitEpoch({ ...commit, partitions })
      for (const each of partitions) next.set(each.partition, each.next)
      return done
    },
  }
}

const staging = (change: (table: string, rows: Parameters<SimLake['stage']>[2]) => Parameters<SimLake['stage']>[2]) => {
  return (lake: SimLake): SimLake => ({
    ...lake,
    stage: (table, name, rows) => lake.stage(table, name, change(table, rows)),
  })
}

const planted: Readonly<Record<string, { readonly plant: Planted; readonly laws: readonly string[] }>> = {
  'a hit is acknowledged before it is synced': { plant: { log: acknowledgeBeforeSync }, laws: ['lost', 'asOf lies'] },
  // The runner itself refuses a checkpoint of another position.
  'positions are not compared': { plant: { store: ignorePositions }, laws: ['unexpected error', 'books', 'doubled'] },
  'a partial row of an hour is dropped': {
    plant: { lake: staging((table, rows) => (table === 'hourly' && rows.length > 1 ? rows.slice(1) : rows)) },
    laws: ['recount', 'asOf lies'],
  },
  'a refused hit is dropped': {
    plant: { lake: staging((table, rows) => (table === 'failed_hits' && rows.length > 1 ? rows.slice(1) : rows)) },
    laws: ['lost'],
  },
  'a hit gets another merchant': {
    plant: {
      lake: staging((table, rows) => rows.map((row) => (table === 'hits' ? { ...row, merchant: 'anna' } : row))),
    },
    laws: ['altered'],
  },
  'a publication that is repeated is made again': {
    plant: {
      lake: (lake: SimLake): SimLake => ({
        ...lake,
        async publish(table, id, files) {
          await lake.publish(table, id + 1_000_000, files)
          return lake.publish(table, id, files)
        },
      }),
    },
    laws: ['doubled', 'counted twice', 'recount'],
  },
}

describe('a bug is found where', () => {
  it.each(Object.entries(planted))('%s', async (_, { plant, laws }) => {
    let found: string | null = null
    for (let seed = 1; found === null && seed <= seeds; seed++) {
      found = (await runSeed({ seed, steps, variant: 'embedded' }, plant)).wrong
    }
    expect(laws).toContain(found?.split(':')[0])
  })
})

describe('what was found', () => {
  it('is shrunk to a run with fewer faults and doings that breaks the same law', async () => {
    const { plant } = planted['a partial row of an hour is dropped'] as (typeof planted)[string]
    const choices = { seed: 2, steps, variant: 'embedded' } as const
    const shrunk = await shrink(choices, plant)
    expect(shrunk?.plan.faults).toEqual([])
    expect(shrunk?.plan.doings.length).toBeLessThan(5)
    expect(shrunk?.result.wrong).toMatch(/^(recount|asOf lies)/)
  })
})
