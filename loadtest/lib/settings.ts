/** What a script was told, from the environment; refuses any host but this machine before anything is sent. */
import { defaultLoad, isLoopback, type Load, problemsOf } from './scale.ts'

function text(name: string): string | undefined {
  const value = __ENV[name]
  return value === undefined || value === '' ? undefined : value
}

function number(name: string, otherwise: number): number {
  const value = text(name)
  return value === undefined ? otherwise : Number(value)
}

function address(name: string): string | undefined {
  const url = text(name)
  if (url !== undefined && !isLoopback(url)) throw new Error(`${name} is ${url}: load is for loopback only`)
  return url?.replace(/\/+$/, '')
}

function required(name: string, value: string | undefined): string {
  if (value === undefined) throw new Error(`${name} is not set; "npm run loadtest" sets it`)
  return value
}

export const load: Load = {
  factor: number('HITLAKE_LOAD_FACTOR', defaultLoad.factor),
  seconds: number('HITLAKE_LOAD_SECONDS', defaultLoad.seconds),
  hitsPerRequest: number('HITLAKE_LOAD_HITS_PER_REQUEST', defaultLoad.hitsPerRequest),
  merchants: number('HITLAKE_LOAD_MERCHANTS', defaultLoad.merchants),
  slack: number('HITLAKE_LOAD_SLACK', defaultLoad.slack),
}
const problems = problemsOf(load)
if (problems.length > 0) throw new Error(problems.join('; '))

/** Takes hits. */
export const url = required('HITLAKE_URL', address('HITLAKE_URL'))
/** Answers questions and keeps merchants: another process than the collector in a cluster. */
export const askUrl = address('HITLAKE_LOAD_ASK_URL') ?? url
/** The same server behind a slow line, where a script wants one. */
export const slowUrl = address('HITLAKE_LOAD_SLOW_URL') ?? url
export const adminKey = required('HITLAKE_ADMIN_KEY', text('HITLAKE_ADMIN_KEY'))
/** Ids of merchants and hits begin with it, so that runs against one server do not meet. */
export const runName = text('HITLAKE_LOAD_RUN') ?? `load${Date.now().toString(36)}`
/** The file for k6's summary as JSON. */
export const summaryFile = text('HITLAKE_LOAD_SUMMARY')
