/**
 * Ports that fail at a chosen call. Every asynchronous call a runner makes is one point; a test runs the same script once
 * for each point and each way to fail.
 */
import type { World } from './world.ts'

export const failures = {
  'throws, without effect': { before: 'throw', after: 'pass', dead: false },
  'throws, after its effect': { before: 'pass', after: 'throw', dead: false },
  'is where the process dies, without effect': { before: 'hang', after: 'pass', dead: true },
  'is where the process dies, after its effect': { before: 'pass', after: 'hang', dead: true },
  'is where the process is paused, before its effect': { before: 'wait', after: 'pass', dead: false },
  'is where the process is paused, after its effect': { before: 'pass', after: 'wait', dead: false },
} as const
export type Failure = keyof typeof failures

type Act = 'pass' | 'throw' | 'hang' | 'wait'

export interface FailingPorts {
  readonly ports: Pick<World, 'store' | 'lake' | 'objects' | 'feed'>
  /** Calls made so far. */
  readonly calls: () => number
  /** Whether the chosen call has come. */
  readonly reached: () => boolean
  /** Lets a paused process go on. */
  readonly release: () => void
}

/** The world's ports, failing at the call of number `point`, from 1. */
export function failingPorts(world: World, point: number, failure: Failure): FailingPorts {
  const { before, after, dead } = failures[failure]
  let calls = 0
  let release = () => {}
  const released = new Promise<void>((resolve) => {
    release = resolve
  })
  const act = async (what: Act): Promise<void> => {
    if (what === 'throw') throw new Error('the network failed')
    if (what === 'hang') await new Promise(() => {})
    if (what === 'wait') await released
  }
  const guarded = <A extends unknown[], R>(call: (...args: A) => Promise<R>) => {
    return async (...args: A): Promise<R> => {
      calls += 1
      const mine = calls === point
      // Of a dead process nothing more reaches the world.
      if (dead && calls > point) await act('hang')
      if (mine) await act(before)
      const result = await call(...args)
      if (mine) await act(after)
      return result
    }
  }
  const { store, lake, objects, feed } = world
  const ports = {
    store: {
      ...store,
      acquirePartitions: guarded(store.acquirePartitions),
      commitEpoch: guarded(store.commitEpoch),
      merchantsById: guarded(store.merchantsById),
      erasedOf: guarded(store.erasedOf),
      erasuresAsked: guarded(store.erasuresAsked),
      versionsSince: guarded(store.versionsSince),
      writing: guarded(store.writing),
    },
    lake: { ...lake, stage: guarded(lake.stage), discard: guarded(lake.discard) },
    objects: {
      ...objects,
      put: guarded(objects.put),
      get: guarded(objects.get),
      list: guarded(objects.list),
      remove: guarded(objects.remove),
    },
    feed: { ...feed, read: guarded(feed.read), end: guarded(feed.end) },
  }
  return { ports, calls: () => calls, reached: () => calls >= point, release }
}
