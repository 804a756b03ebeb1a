/**
 * `npm run loadtest -- base --factor 0.3`: load by k6 against a server of its own, or one on loopback; prints what came of
 * it and keeps a record. Exit code 1 where something did not hold. `loadtest/README.md` says more.
 */
import { takesPlaceOf } from '../bench/keep.ts'
import { circumstances, readRecord, resultsFolder, writeRecord } from '../bench/record.ts'
import { installK6 } from '../infra/local/k6/install.mjs'
import type { Load } from './lib/scale.ts'
import { type Order, parseOrder, type Scenario, usage } from './runner/arguments.ts'
import { problemsOfRun } from './runner/check.ts'
import { runK6 } from './runner/k6.ts'
import { findLargest, rungBelow, type Trial, trialSeconds } from './runner/largest.ts'
import { describe, measuredOf, type Run } from './runner/record.ts'
import { bytesAHitInLog, openTarget, usageOf } from './runner/server.ts'
import { openSlowLine } from './runner/slow-line.ts'

/** A body of the slow clients takes about five seconds at so many bytes a second for each hit in it. */
const slowBytesPerSecondAndHit = 100

const order = readOrder()
// Ends by `exit`, so that servers and k6 go too.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
const binary = await installK6()
let exitCode = 0
for (const scenario of order.scenarios) {
  const taken = circumstances()
  const { run, remarks } = await runOrSearch(scenario)
  const measured = measuredOf(run, commandOf(scenario), remarks)
  console.log(describe(measured, run.problems))
  const folder = order.results ?? resultsFolder
  const verdict = { quick: measured.quick === true, insists: order.results !== undefined }
  if (takesPlaceOf(readRecord(measured.suite, folder), verdict))
    console.log(`  ${writeRecord(measured, taken, folder)}\n`)
  else console.log('  not recorded: a short run takes no full record’s place; --results names another folder\n')
  if (run.problems.length > 0) exitCode = 1
}
process.exit(exitCode)

function readOrder(): Order {
  try {
    return parseOrder(process.argv.slice(2), process.env)
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${usage}`)
    process.exit(2)
  }
}

function commandOf(scenario: Scenario): string {
  const { load } = order
  const seconds = order.secondsOf(scenario)
  const rate = order.search === 'largest' ? '--largest' : `--factor ${load.factor}`
  const slack = load.slack === 1 ? '' : ` --slack ${load.slack}`
  return `npm run loadtest -- ${scenario} ${rate} --seconds ${seconds} --hits-per-request ${load.hitsPerRequest}${slack}`
}

async function runOrSearch(scenario: Scenario): Promise<{ run: Run; remarks: readonly string[] }> {
  const load: Load = { ...order.load, seconds: order.secondsOf(scenario) }
  if (order.search === 'none') return { run: await runOnce(scenario, load), remarks: [] }
  const { largest, trials } = await findLargest(async (factor) => {
    const { problems } = await runOnce(scenario, { ...load, factor, seconds: Math.min(trialSeconds, load.seconds) })
    console.log(`  factor ${factor}: ${problems.length === 0 ? 'holds' : problems.join('; ')}`)
    return problems.length === 0
  })
  if (largest === undefined) throw new Error(`${scenario} holds at no factor: the machine is too busy`)
  let run = await runOnce(scenario, { ...load, factor: largest })
  const remarks = [`Found by trials of ${trialSeconds} s, in this order: ${trials.map(inWords).join(', ')}.`]
  for (;;) {
    const below = rungBelow(run.load.factor)
    if (run.problems.length === 0 || below === undefined) return { run, remarks }
    remarks.push(`The whole length at factor ${run.load.factor} did not hold: ${run.problems.join('; ')}.`)
    run = await runOnce(scenario, { ...load, factor: below })
  }
}

function inWords({ factor, holds }: Trial): string {
  return `${factor} ${holds ? 'held' : 'did not'}`
}

async function runOnce(scenario: Scenario, load: Load): Promise<Run> {
  const target = await openTarget(order.running)
  const slowLine =
    scenario === 'slow-clients'
      ? await openSlowLine(target.url, slowBytesPerSecondAndHit * load.hitsPerRequest)
      : undefined
  const logBytesAHit = order.running === undefined ? await bytesAHitInLog(target) : undefined
  const before = await usageOf(target)
  const httpBefore = target.httpThreadCpuSeconds()
  let peakRssBytes = before.rssBytes
  const watch = setInterval(async () => {
    const { rssBytes } = await usageOf(target).catch(() => before)
    peakRssBytes = Math.max(peakRssBytes, rssBytes)
  }, 1_000)
  const began = performance.now()
  const { summary, cpuSeconds } = await runK6({
    binary,
    scenario,
    load,
    ...{ url: target.url, askUrl: target.askUrl, adminKey: target.adminKey },
    ...(slowLine && { slowUrl: slowLine.url }),
  }).finally(() => clearInterval(watch))
  const elapsedSeconds = (performance.now() - began) / 1_000
  const after = await usageOf(target)
  const httpAfter = target.httpThreadCpuSeconds()
  await slowLine?.close()
  const stopBegan = performance.now()
  const dataFolderBytes = await target.close()
  return {
    scenario,
    load,
    summary,
    logBytesAHit,
    k6CpuSeconds: cpuSeconds,
    elapsedSeconds,
    serverCpuSeconds: after.cpuSeconds - before.cpuSeconds,
    httpThreadCpuSeconds: httpBefore === undefined || httpAfter === undefined ? undefined : httpAfter - httpBefore,
    peakRssBytes: Math.max(peakRssBytes, after.rssBytes),
    stopSeconds: dataFolderBytes === undefined ? undefined : (performance.now() - stopBegan) / 1_000,
    dataFolderBytes,
    problems: problemsOfRun(summary),
  }
}
