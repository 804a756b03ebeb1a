/** `npm run sim -- --seed N --runs M`: see docs/how-to/simulate.md. */

import { execFileSync } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { runBatch, type Summary, tellFailures } from './batch.ts'
import { laneBeside, laneHere } from './lanes.ts'
import type { Variant } from './plan.ts'
import { lawOf, type RunResult } from './run-seed.ts'
import { shrink } from './shrink.ts'

const { values } = parseArgs({
  options: {
    /** Left out with `--minutes`: seeds that nobody has run before, as good as certainly. */
    seed: { type: 'string' },
    runs: { type: 'string' },
    /** No seed is begun after so many. */
    minutes: { type: 'string' },
    threads: { type: 'string' },
    steps: { type: 'string' },
    variant: { type: 'string' },
    /** A file for the counts that `.ci/run` adds up. */
    report: { type: 'string' },
    trace: { type: 'boolean', default: false },
    shrink: { type: 'boolean', default: false },
  },
})
/** New seeds begin below it, so that a batch of them stays below what plans take. */
const newSeedsBelow = 2 ** 30
const tellEveryMs = 60_000

const say = (line: string) => process.stdout.write(`${line}\n`)

/** Of the working tree's last commit; a run is repeated by its seed on the same code. */
function commitOf(): string {
  const git = (...args: string[]) => execFileSync('git', args, { encoding: 'utf8' }).trim()
  try {
    const changed = git('status', '--porcelain', '--untracked-files=no') === '' ? '' : ' and changes'
    return `${git('rev-parse', '--short', 'HEAD')}${changed}`
  } catch {
    return 'no commit'
  }
}

function* seedsFrom(first: number, runs: number): Generator<number> {
  for (let seed = first; seed < first + runs; seed++) yield seed
}

function numberOf(option: 'seed' | 'runs' | 'minutes' | 'threads' | 'steps', otherwise: number): number {
  const number = Number(values[option] ?? otherwise)
  if (Number.isNaN(number) || number < 0) throw new Error(`--${option} is no number: ${values[option]}`)
  return number
}

function variantOf(): Variant | undefined {
  const { variant } = values
  if (variant === undefined || variant === 'embedded' || variant === 'cluster') return variant
  throw new Error(`--variant is embedded or cluster, not ${variant}`)
}

const nowMs = () => Number(process.hrtime.bigint() / 1_000_000n)
const began = nowMs()
const commit = commitOf()
const isTimed = values.minutes !== undefined
const first = numberOf('seed', isTimed ? randomInt(newSeedsBelow) : 1)
const runs = numberOf('runs', isTimed ? Number.POSITIVE_INFINITY : 1)
const endMs = began + numberOf('minutes', Number.POSITIVE_INFINITY) * 60_000
const variant = variantOf()
const choices = {
  ...(values.steps !== undefined && { steps: numberOf('steps', 0) }),
  ...(variant !== undefined && { variant }),
}
let stopped = false
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    stopped = true
  })
}

const toldLaws = new Set<string>()
let [ran, failed, toldAt] = [0, 0, began]

async function tell(result: RunResult): Promise<void> {
  const { seed, variant, wrong } = result
  ran += 1
  if (wrong !== null) failed += 1
  if (nowMs() - toldAt >= tellEveryMs) {
    toldAt = nowMs()
    say(`${ran} runs, ${failed} failed, at seed ${seed} after ${Math.round((toldAt - began) / 1_000)} s`)
  }
  if (wrong === null && !values.trace) return
  say(`seed ${seed} (${variant}), commit ${commit}, step ${result.steps}, trace ${result.trace}`)
  const law = lawOf(result) ?? ''
  if (values.trace || !toldLaws.has(law)) for (const line of result.last) say(`  ${line}`)
  toldLaws.add(law)
  if (wrong === null) return
  if (values.shrink) await tellShrunk(seed)
  say(`seed ${seed}: ${wrong}`)
}

async function tellShrunk(seed: number): Promise<void> {
  const shrunk = await shrink({ ...choices, seed })
  if (shrunk === undefined) return
  say(`shrunk in ${shrunk.runs} runs: ${shrunk.result.wrong}`)
  for (const { at, what } of shrunk.plan.faults) say(`  fault at ${at}: ${JSON.stringify(what)}`)
  for (const { at, what } of shrunk.plan.doings) say(`  at ${at}: ${JSON.stringify(what)}`)
}

function conclude({ runs, steps, counts, failures, next }: Summary): void {
  const seconds = ((nowMs() - began) / 1_000).toFixed(1)
  say(JSON.stringify(Object.fromEntries(Object.entries(counts).sort())))
  for (const line of tellFailures(failures)) say(line)
  if (failures.length > 0)
    say(`Seeds belong to commit ${commit}; --shrink looks for a shorter run, --trace tells all of it.`)
  if (next !== undefined) say(`To go on: --seed ${next}`)
  const sum = `${runs.embedded + runs.cluster} runs (${runs.embedded} embedded, ${runs.cluster} cluster)`
  say(`${sum} from seed ${first} on, ${failures.length} failed, ${steps} steps in ${seconds} s`)
  // As vitest reports it: the batch is one test.
  const isRight = failures.length === 0
  const testResults = isRight ? [] : [{ name: `commit ${commit}`, message: tellFailures(failures).join('; ') }]
  const report = { numPassedTests: isRight ? 1 : 0, numFailedTests: isRight ? 0 : 1, success: isRight, testResults }
  if (values.report !== undefined) writeFileSync(values.report, JSON.stringify(report))
  process.exitCode = isRight ? 0 : 1
}

if (runs > 1) say(`seeds from ${first} on, commit ${commit}`)
const threads = numberOf('threads', 1)
const lanes = threads > 1 ? Array.from({ length: threads }, () => laneBeside()) : [laneHere]
conclude(
  await runBatch({
    ...{ lanes, choices, seeds: seedsFrom(first, runs), onResult: tell },
    isOver: () => stopped || nowMs() >= endMs,
    ...(values.trace && { shown: Number.POSITIVE_INFINITY }),
  }),
)
for (const lane of lanes) lane.close()
