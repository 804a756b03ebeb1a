/**
 * `node dist/bench/start.js [--starts 9]`: how long a Hitlake takes from the start of its process until it is ready and
 * until its first 202, over an empty folder and over one with hits in it, and what memory it holds at rest. Control: a bare
 * Node process that prints a line, started in turn with it, which tells how slow processes start on this machine now.
 */
import { spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import type { Figure } from './record.ts'
import { report } from './report.ts'
import { type BenchServer, startServer, usageOf } from './server.ts'
import { percentile } from './support/percentiles.ts'

const { values } = parseArgs({ options: { starts: { type: 'string', default: '9' } } })
const starts = Number(values.starts)
/** Long enough after the start that garbage of the start is collected or will not be. */
const restMs = 5_000
const keptHits = 20_000

/** Seconds from the start of the process, and its resident memory. */
interface Start {
  readonly readyS: number
  readonly firstAckS: number
  readonly restMb: number
}

const bare: number[] = []
const empty: Start[] = []
const kept: Start[] = []
const filled = await startServer({ HITLAKE_KEY_QUOTA: '1000000' })
await send(filled, keptHits)
await filled.stop()
for (let n = 0; n < starts; n++) {
  bare.push(await bareNodeS())
  const fresh = await startServer()
  empty.push(await lifeOf(fresh))
  fresh.removeData()
  kept.push(await lifeOf(await startServer({}, filled.dataDir)))
}
filled.removeData()

const withHits = `${keptHits.toLocaleString('en')} hits in the folder`
const of = (starts: readonly Start[], what: keyof Start) => starts.map((start) => start[what])
report({
  figures: [
    figure('ready, empty folder', of(empty, 'readyS'), 's'),
    figure('first 202, empty folder', of(empty, 'firstAckS'), 's'),
    figure(`ready, ${withHits}`, of(kept, 'readyS'), 's'),
    figure(`first 202, ${withHits}`, of(kept, 'firstAckS'), 's'),
    figure('a bare Node process that prints a line', bare, 's'),
    {
      ...figure('ready, against a bare Node process', over(of(empty, 'readyS'), bare), 'times'),
      control: 'a bare Node process that prints a line, just before',
    },
    figure('memory at rest, empty folder', of(empty, 'restMb'), 'MB'),
    figure(`memory at rest, ${withHits}`, of(kept, 'restMb'), 'MB'),
  ],
})
process.exit(0)

/** Sends one hit as soon as the server greets, lets it rest, and stops it. */
async function lifeOf(server: BenchServer): Promise<Start> {
  await send(server, 1)
  const firstAckS = (performance.now() - server.beganAt) / 1_000
  await sleep(restMs)
  const { rssMb } = usageOf(server.process.pid)
  await server.stop()
  return { readyS: server.readySeconds, firstAckS, restMb: rssMb }
}

async function send({ url, keys }: BenchServer, count: number): Promise<void> {
  const batch = Math.min(count, 500)
  for (let sent = 0; sent < count; sent += batch) {
    const { status } = await fetch(`${url}/v1/hits`, {
      method: 'POST',
      headers: { authorization: `Bearer ${keys.writeKey}`, 'content-type': 'application/json' },
      body: JSON.stringify(Array.from({ length: batch }, (_, n) => ({ id: `${sent + n}`, name: 'page_view' }))),
    })
    if (status !== 202) throw new Error(`hits were answered ${status}`)
  }
}

function bareNodeS(): Promise<number> {
  const began = performance.now()
  const child = spawn(process.execPath, ['-e', 'console.log(1)'], { stdio: ['ignore', 'pipe', 'inherit'] })
  return new Promise((resolve) => child.stdout.once('data', () => resolve((performance.now() - began) / 1_000)))
}

function figure(name: string, all: readonly number[], unit: string): Figure {
  const rounded = (value: number) => Number(value.toPrecision(3))
  const spread = [rounded(Math.min(...all)), rounded(Math.max(...all))] as const
  return { name, value: rounded(percentile(all, 0.5)), unit, spread, note: `${all.length} starts` }
}

/** Pair by pair. */
function over(all: readonly number[], controls: readonly number[]): readonly number[] {
  return all.map((value, n) => value / (controls[n] ?? Number.NaN))
}
