/** k6's options from a few words: who sends how much for how long, and what has to hold. */
import { restLimitSeconds } from './life.ts'
import { limits } from './limits.ts'
import { maxVirtualUsers, requestsPerMinute } from './scale.ts'
import { load } from './settings.ts'

/** A share of the whole run, and the hits a second reached at its end; k6 goes there in a straight line. */
export interface Stage {
  readonly share: number
  readonly hitsPerSecond: number
}

const minute = { timeUnit: '1m' }
// Prepared beforehand: k6 drops an iteration while it makes another one.
const prepared = Math.min(100, Math.max(10, Math.ceil(200 * load.factor)))
const users = { preAllocatedVUs: prepared, maxVUs: maxVirtualUsers / 2 }

/** Requests of hits, or other iterations of `hitsPerIteration`, at a steady rate. */
export function steadily(exec: string, perSecond: number, hitsPerIteration = load.hitsPerRequest): object {
  const rate = requestsPerMinute(perSecond, { factor: load.factor, hitsPerRequest: hitsPerIteration })
  return { executor: 'constant-arrival-rate', exec, rate, duration: `${load.seconds}s`, ...minute, ...users }
}

export function inStages(exec: string, startHitsPerSecond: number, stages: readonly Stage[]): object {
  return {
    executor: 'ramping-arrival-rate',
    exec,
    startRate: requestsPerMinute(startHitsPerSecond, load),
    stages: stages.map(({ share, hitsPerSecond }) => ({
      duration: `${Math.round(share * load.seconds * 1_000)}ms`,
      target: requestsPerMinute(hitsPerSecond, load),
    })),
    ...minute,
    ...users,
  }
}

/** The one who looks how fresh numbers are. */
const watcher = {
  executor: 'constant-arrival-rate',
  exec: 'watch',
  rate: 1,
  timeUnit: '1s',
  preAllocatedVUs: 2,
  maxVUs: 5,
}

/** @param more thresholds of this script besides those that hold everywhere */
export function optionsOf(scenarios: Readonly<Record<string, object>>, more: Thresholds = {}): object {
  return {
    scenarios: { ...scenarios, watch: { ...watcher, duration: `${load.seconds}s` } },
    thresholds: {
      errors: [`rate<${limits.errorShare}`],
      as_of_lag_ms: [`p(99)<${limits.asOfLagP99Ms * load.slack}`],
      books_balanced: ['rate==1'],
      ...more,
    },
    summaryTrendStats: ['min', 'med', 'p(90)', 'p(99)', 'p(99.9)', 'max', 'count'],
    setupTimeout: '120s',
    teardownTimeout: `${restLimitSeconds * load.slack + 60}s`,
    maxRedirects: 0,
    // Threads of virtual users keep their connections: opening one per request would measure the kernel.
    noConnectionReuse: false,
    userAgent: 'hitlake-loadtest',
  }
}

export type Thresholds = Readonly<Record<string, readonly string[]>>

/** For scripts whose clients all have good lines. */
export const quickAcks: Thresholds = { ack_ms: [`p(99)<${limits.ackP99Ms * load.slack}`] }
