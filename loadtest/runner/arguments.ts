/** What `npm run loadtest` is told, by arguments and environment; every fault is said before anything starts. */
import { parseArgs } from 'node:util'
import { defaultLoad, isLoopback, type Load, problemsOf } from '../lib/scale.ts'

/** In the order in which `all` runs them; `soak` is too long for it. */
export const scenarios = ['base', 'peak', 'burst', 'slow-clients', 'socket', 'readers', 'soak'] as const
export type Scenario = (typeof scenarios)[number]

export const defaultSeconds: Readonly<Record<Scenario, number>> = {
  base: defaultLoad.seconds,
  peak: defaultLoad.seconds,
  burst: defaultLoad.seconds,
  'slow-clients': defaultLoad.seconds,
  socket: defaultLoad.seconds,
  readers: defaultLoad.seconds,
  soak: 600,
}

export interface Order {
  readonly scenarios: readonly Scenario[]
  readonly load: Omit<Load, 'seconds'>
  readonly secondsOf: (scenario: Scenario) => number
  /** Look for the largest factor at which everything holds, and record the run at that. */
  readonly search: 'largest' | 'none'
  /** A running server on loopback; undefined: one of its own for each run. */
  readonly running: { readonly url: string; readonly askUrl: string; readonly adminKey: string } | undefined
  /** Folder of the records; undefined: bench/results. */
  readonly results: string | undefined
}

export const usage = `npm run loadtest -- <scenario> [options]
  scenario            ${scenarios.join(', ')}, or all (all but soak)
  --factor <n>        share of 13,800 hits/s (default: HITLAKE_LOAD_FACTOR, or ${defaultLoad.factor})
  --largest           finds the largest factor at which everything holds, and records that run
  --seconds <n>       length (default: ${defaultLoad.seconds}; soak ${defaultSeconds.soak})
  --hits-per-request <n>, --merchants <n>, --slack <times by which time limits are longer>
  --results <folder>  where the records go (default: bench/results)
HITLAKE_URL and HITLAKE_ADMIN_KEY name a running server on loopback, HITLAKE_LOAD_ASK_URL a gateway beside it;
without them each run starts a server of its own in a temporary folder.`

/** @throws Error that says all that is wrong */
export function parseOrder(argv: readonly string[], env: Readonly<Record<string, string | undefined>>): Order {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      factor: { type: 'string', default: env.HITLAKE_LOAD_FACTOR || String(defaultLoad.factor) },
      largest: { type: 'boolean', default: false },
      seconds: { type: 'string' },
      'hits-per-request': { type: 'string', default: String(defaultLoad.hitsPerRequest) },
      merchants: { type: 'string', default: String(defaultLoad.merchants) },
      slack: { type: 'string', default: String(defaultLoad.slack) },
      results: { type: 'string' },
    },
  })
  const problems: string[] = []
  const named = positionals.length === 1 && positionals[0] === 'all' ? scenarios.slice(0, -1) : positionals
  const chosen = named.filter((name): name is Scenario => (scenarios as readonly string[]).includes(name))
  if (chosen.length === 0 || chosen.length !== named.length) {
    problems.push(`name one or more of ${scenarios.join(', ')}, or all`)
  }
  const load = {
    factor: Number(values.factor),
    hitsPerRequest: Number(values['hits-per-request']),
    merchants: Number(values.merchants),
    slack: Number(values.slack),
  }
  const seconds = values.seconds === undefined ? undefined : Number(values.seconds)
  problems.push(...problemsOf({ ...load, seconds: seconds ?? defaultLoad.seconds }))
  const running = runningServer(env, problems)
  if (values.largest && running !== undefined) problems.push('--largest needs servers of its own')
  if (problems.length > 0) throw new Error(problems.join('\n'))
  return {
    scenarios: chosen,
    load,
    secondsOf: (scenario) => seconds ?? defaultSeconds[scenario],
    search: values.largest ? 'largest' : 'none',
    running,
    results: values.results,
  }
}

function runningServer(env: Readonly<Record<string, string | undefined>>, problems: string[]): Order['running'] {
  const url = env.HITLAKE_URL
  if (!url) return undefined
  const askUrl = env.HITLAKE_LOAD_ASK_URL || url
  for (const each of new Set([url, askUrl])) {
    if (!isLoopback(each)) problems.push(`${each} is another machine: load is for loopback only`)
  }
  const adminKey = env.HITLAKE_ADMIN_KEY
  if (!adminKey) problems.push('HITLAKE_URL is set without HITLAKE_ADMIN_KEY')
  return { url, askUrl, adminKey: adminKey ?? '' }
}
