/**
 * A process of the simulation: a life with timers and a clock, and ports through which it reaches the world. Killed, it
 * does nothing more and hears nothing more, whatever it was waiting for.
 */
import {
  ControlStoreOutcomeUnknownError,
  ControlStoreUnavailableError,
  EngineUnavailableError,
  FeedUnavailableError,
  ObjectStoreUnavailableError,
} from '../../core/errors.ts'
import type { Clock, Timers } from '../../core/ports/clock.ts'
import type { Caller, Fate, Schedule } from './schedule.ts'
import type { SimTime, WallClock } from './time.ts'

export type PortName = 'store' | 'lake' | 'objects' | 'kafka' | 'engine' | 'disk'

/** Which fates calls of a port meet: those of something in the same process, or of a server behind a network. */
export type Reach = 'in process' | 'network'

export class SimProcess implements Caller {
  state: 'alive' | 'paused' | 'dead' = 'alive'
  readonly clock: Clock
  readonly timers: Timers

  constructor(
    readonly name: string,
    readonly machine: string,
    private readonly parts: { readonly schedule: Schedule; readonly time: SimTime; readonly clock: WallClock },
  ) {
    this.clock = parts.clock
    this.timers = parts.time.timersOf(this)
  }

  /** The object as this process reaches it: every function of it that gives a promise becomes a call that waits. */
  port<T extends object>(port: PortName, reach: Reach, target: T): T {
    const wrapped: Record<string, unknown> = {}
    for (const [method, value] of Object.entries(target)) {
      if (typeof value !== 'function') wrapped[method] = value
      else if (method === 'scan') wrapped[method] = this.#scan(port, reach, value as Scan)
      else {
        wrapped[method] = (...args: unknown[]) =>
          this.#call(port, method, fatesOf(port, method, reach), () => value.apply(target, args))
      }
    }
    return wrapped as T
  }

  /** One call of something that is no object with functions. */
  ask<T>(port: PortName, method: string, fates: readonly Fate[], act: () => Promise<T>): Promise<T> {
    return this.#call(port, method, fates, act)
  }

  #scan(port: PortName, reach: Reach, scan: Scan): Scan {
    const call = <T>(act: () => Promise<T>) => this.#call(port, 'scan', fatesOf(port, 'scan', reach), act)
    return async function* (...args: unknown[]) {
      const rows = await call(async () => {
        const batches: unknown[] = []
        for await (const batch of scan(...args)) batches.push(batch)
        return batches
      })
      yield* rows
    }
  }

  #call<T>(port: PortName, method: string, fates: readonly Fate[], act: () => Promise<T>): Promise<T> {
    const { schedule } = this.parts
    return schedule.call<T>({ caller: this, port, method, fates, act, error: (outcome) => errorOf(port, outcome) })
  }
}

type Scan = (...args: unknown[]) => AsyncIterable<unknown>

const reads =
  /^(get|list|size|scan|find|books|versionsSince|tableView|unpublished|openPublication|read|end|connect|hits|visits|knownIds|erasedDays|merchants|accepted|derivedRanges|erasedOf|erasures|erasure$|logProgress|collectors|snapshots|currentSnapshot|stagedNames|partitions|lastPublish|countedDays|writing|reruns|pins)/
/** What may be done twice or later and must do no harm: it names what it does, or is fenced. */
const repeatable =
  /^(put|remove|discard|stage|publish|derive|rewrite|commitEpoch|finishPublication|beginPublication|reportCollector|addAccepted|acquireLease|acquirePartitions|send)/

function fatesOf(port: PortName, method: string, reach: Reach): readonly Fate[] {
  if (reads.test(method)) return ['refused']
  if (reach === 'in process') return ['refused', 'answer lost']
  if (!repeatable.test(method)) return ['refused', 'answer lost']
  // A transaction of PostgreSQL is sent once; an object or a statement may be sent again by its client.
  return port === 'store'
    ? ['refused', 'answer lost', 'done late']
    : ['refused', 'answer lost', 'done late', 'done twice']
}

function errorOf(port: PortName, outcome: 'known' | 'unknown'): Error {
  switch (port) {
    case 'store':
      return outcome === 'known' ? new ControlStoreUnavailableError('simulated') : new ControlStoreOutcomeUnknownError()
    case 'kafka':
      return new FeedUnavailableError('a call')
    case 'engine':
      return new EngineUnavailableError()
    case 'objects':
      return new ObjectStoreUnavailableError('a call', 'an object', 3)
    default:
      return new Error('the simulated lake failed')
  }
}
