/**
 * `node dist/bench/soak.js [--minutes 30] [--rate <hits/s>] [--share 0.7] [--results <folder>]`: a whole Hitlake of its own
 * under steady load for long. What grows, and whether the books balance at the end. The rate is 70 % of what the folder's
 * record of `load-base` bore unless it is given. Memory is fitted by a line after warm-up, a sixth of the time; of it what
 * the process declares (state of the job, which remembers ids for 24 hours, and cells) is told apart. The sender shares the
 * machine's cores.
 *
 * Ends with 1 where a hit is lost or doubled, at any length (three minutes show that much), and at full length where memory
 * or files are not bounded.
 */
import { Agent } from 'node:http'
import { parseArgs } from 'node:util'
import { batchJson, zipf } from '../loadtest/lib/traffic.ts'
import { takesPlaceOf } from './keep.ts'
import { circumstances, type Figure, readRecord, resultsFolder, writeRecord } from './record.ts'
import { startServer, usageOf } from './server.ts'
import { countFiles, type FileCounts } from './support/file-counts.ts'
import { askServer, metricOf } from './support/http-client.ts'
import { type Sample, slopePerHour, slopesOfHalves } from './support/linear-fit.ts'
import { percentile } from './support/percentiles.ts'

/** Growth of memory that nobody declares, over the time measured, beyond which it is not flat. */
const flatPercent = 10
/** Files that pass through, at their most in the second half against the first. */
const boundedRatio = 1.5
const fullMinutes = 30
const lanes = 16
const merchants = 20
/** How long the books may take to come to rest. */
const restLimitMs = 60_000

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: String(fullMinutes) },
    rate: { type: 'string' },
    share: { type: 'string', default: '0.7' },
    'hits-per-request': { type: 'string', default: '20' },
    results: { type: 'string', default: resultsFolder },
  },
})
const durationMs = Number(values.minutes) * 60_000
const hitsPerRequest = Number(values['hits-per-request'])
const { rate, origin } = rateAsked()
const quick = Number(values.minutes) < fullMinutes
const sampleEveryMs = Math.max(1_000, durationMs / 360)

const taken = circumstances()
const server = await startServer({ HITLAKE_KEY_QUOTA: '10000000', HITLAKE_CONNECTIONS_PER_ADDRESS: '1000' })
// However this process ends, the server does too.
process.once('exit', () => server.process.kill('SIGKILL'))
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
const agent = new Agent({ keepAlive: true, maxSockets: lanes + 4 })
const ask = (path: string, key: string, body?: string) => askServer({ url: server.url, agent, path, key, body })

interface Shop {
  readonly id: string
  readonly writeKey: string
  readonly readKey: string
}
const shops: Shop[] = []
for (let index = 0; index < merchants; index++) {
  const id = `soak-${index}`
  const merchant = JSON.stringify({ id, name: id, timeZone: 'UTC', currency: 'EUR' })
  shops.push((await ask('/v1/admin/merchants', server.keys.adminKey, merchant)).body as Shop)
}

let accepted = 0
let unanswered = 0
let next = 0
const acksMs: number[] = []
const began = performance.now()
const elapsed = () => performance.now() - began

async function lane(): Promise<void> {
  while (elapsed() < durationMs) {
    if (next + hitsPerRequest > (elapsed() / 1_000) * rate) {
      await sleep(2)
      continue
    }
    const body = batchJson('soak', next, hitsPerRequest, Date.now())
    next += hitsPerRequest
    const shop = shops[zipf(Math.random(), shops.length)]
    const sentAt = performance.now()
    const status = await ask('/v1/hits', shop?.writeKey ?? '', body).then(
      (reply) => reply.status,
      () => 0,
    )
    if (status === 202) {
      accepted += hitsPerRequest
      acksMs.push(performance.now() - sentAt)
    } else unanswered += hitsPerRequest
  }
}

interface Moment {
  readonly atMs: number
  readonly rssMb: number
  readonly declaredMb: number
  readonly heapMb: number
  readonly lagMs: number
  readonly files: FileCounts
}
const moments: Moment[] = []

async function watch(): Promise<void> {
  while (elapsed() < durationMs) {
    await sleep(sampleEveryMs)
    const metrics = String((await ask('/metrics', '')).body)
    const [first] = shops
    const series = await ask(`/v1/merchants/${first?.id}/timeseries?interval=day&metrics=hits`, first?.readKey ?? '')
    const { asOf } = (series.body as { readonly meta: { readonly asOf: string } }).meta
    const declared = metricOf(metrics, 'pipeline_state_bytes') + metricOf(metrics, 'query_cells_bytes')
    moments.push({
      atMs: elapsed(),
      rssMb: usageOf(server.process.pid).rssMb,
      declaredMb: declared / 2 ** 20,
      heapMb: metricOf(metrics, 'process_heap_used_bytes') / 2 ** 20,
      lagMs: Date.now() - Date.parse(asOf),
      files: countFiles(server.dataDir),
    })
  }
}

await Promise.all([...Array.from({ length: lanes }, lane), watch()])
const sentSeconds = elapsed() / 1_000
const cpuSeconds = usageOf(server.process.pid).cpuSeconds
// A counter without a first event is not there.
const publications = metricOf(String((await ask('/metrics', '')).body), 'lake_publications_total') || 0
const books = await booksAtRest()
const code = await server.stop()
const figures = figuresFound()
const measured = {
  suite: 'soak',
  title: 'Half an hour of steady load',
  command: `npm run soak -- --minutes ${values.minutes}`,
  figures,
  remarks: [
    `${values.minutes} minutes at ${Math.round(rate)} hits/s, ${origin}, ${hitsPerRequest} hits a request, ${merchants} merchants by Zipf's law. Sender and server shared the cores.`,
    'A slope is of a straight line through all samples after warm-up, a sixth of the time; its spread are the slopes of the first and of the second half.',
    'Declared are the state of the job (the ids of 24 hours, which grows with every hit until a day is over) and the cells. Snapshots of a day are kept, so the files of the lake grow by publications until a day is over; log, staged files, checkpoints and scratch are bounded at any time.',
  ],
  ...(quick && { quick: true as const }),
}
for (const { name, value, unit, goal } of figures) {
  console.log(`${name.padEnd(70)} ${value} ${unit}${goal === undefined ? '' : ` (at ${goal.at} ${goal.value})`}`)
}
const insists = values.results !== resultsFolder
if (takesPlaceOf(readRecord('soak', values.results), { quick, insists })) {
  console.log(writeRecord(measured, taken, values.results))
} else console.log('not recorded: a quick run takes no full record’s place; --results names another folder')
server.removeData()
const missed = figures.filter(({ value, goal }) => goal?.at === 'most' && value > goal.value)
for (const { name } of missed) console.error(`DID NOT HOLD: ${name}`)
process.exit(code === 0 && missed.length === 0 ? 0 : 1)

function rateAsked(): { rate: number; origin: string } {
  if (values.rate !== undefined) return { rate: Number(values.rate), origin: 'as asked for' }
  const record = readRecord('load-base', values.results)
  const capacity = record?.figures.find(({ name }) => name === 'hits accepted a second')?.value
  if (capacity === undefined) {
    console.error(
      `${values.results} has no load-base.json: run "npm run loadtest -- base --largest" first, or give --rate`,
    )
    process.exit(2)
  }
  const percent = Math.round(Number(values.share) * 100)
  return { rate: Number(values.share) * capacity, origin: `${percent} % of the ${capacity} hits/s that load-base bore` }
}

interface Books {
  readonly accepted: number
  readonly stored: number
  readonly duplicates: number
  readonly failed: number
  readonly inFlight: number
  readonly balanced: boolean
}

async function booksAtRest(): Promise<Books> {
  const deadline = performance.now() + restLimitMs
  for (;;) {
    const { body } = await ask('/v1/admin/books', server.keys.adminKey)
    const found = body as Books
    if (found.inFlight === 0 || performance.now() > deadline) return found
    await sleep(250)
  }
}

function figuresFound(): readonly Figure[] {
  const warm = moments.filter(({ atMs }) => atMs >= durationMs / 6)
  const line = (of: (moment: Moment) => number): readonly Sample[] =>
    warm.map((moment) => ({ atMs: moment.atMs, value: of(moment) }))
  const slope = (name: string, of: (moment: Moment) => number): Figure => {
    const [least, most] = slopesOfHalves(line(of))
    return { name, value: round(slopePerHour(line(of))), unit: 'MB/h', spread: [round(least), round(most)] }
  }
  const undeclared = (moment: Moment) => moment.rssMb - moment.declaredMb
  const rss = percentile(
    warm.map(({ rssMb }) => rssMb),
    0.5,
  )
  const hours = (durationMs * 5) / 6 / 3_600_000
  const growth = (slopePerHour(line(undeclared)) * hours * 100) / rss
  const zero = { goal: { at: 'most', value: 0 }, issue: 9 } as const
  const passing = (from: number, to: number) => Math.max(...warm.slice(from, to).map(({ files }) => files.passing))
  const half = Math.floor(warm.length / 2)
  const last = moments.at(-1)
  return [
    { name: 'hits accepted', value: accepted, unit: 'hits' },
    { name: 'hits accepted a second', value: Math.round(accepted / sentSeconds), unit: 'hits/s' },
    { name: 'requests that failed, hits', value: unanswered, unit: 'hits', ...zero },
    { name: 'accepted, but not in the books', value: Math.max(0, accepted - books.accepted), unit: 'hits', ...zero },
    {
      name: 'counted beyond what was sent',
      value: Math.max(0, books.accepted - accepted - unanswered),
      unit: 'hits',
      ...zero,
    },
    {
      name: 'books: not stored, of what was accepted',
      value: books.balanced ? books.accepted - books.stored : Math.max(1, books.accepted - books.stored),
      unit: 'hits',
      note: 'duplicates, failed or in flight: there should be none',
      ...zero,
    },
    slope('memory (RSS)', ({ rssMb }) => rssMb),
    slope('of it declared: state of the job, cells', ({ declaredMb }) => declaredMb),
    slope('of it not declared', undeclared),
    slope('JavaScript heap', ({ heapMb }) => heapMb),
    {
      name: 'memory not declared: growth in the time measured, of the RSS',
      value: round(growth),
      unit: '%',
      ...ifLong(flatPercent),
    },
    { name: 'RSS, median', value: Math.round(rss), unit: 'MB' },
    { name: 'RSS at its most', value: Math.round(Math.max(...moments.map(({ rssMb }) => rssMb))), unit: 'MB' },
    {
      name: 'files of log, staged, checkpoints and scratch at their most',
      value: Math.max(...moments.map(({ files }) => files.passing)),
      unit: 'files',
    },
    {
      name: 'the same, second half against first',
      value: round(passing(half, warm.length) / Math.max(1, passing(0, half))),
      unit: 'ratio',
      ...ifLong(boundedRatio),
    },
    { name: 'data files of the lake at the end', value: last?.files.lakeData ?? 0, unit: 'files' },
    { name: 'metadata files of the lake at the end', value: last?.files.lakeMetadata ?? 0, unit: 'files' },
    { name: 'publications', value: publications, unit: 'publications', note: 'of all tables' },
    { name: 'from a request to its durable answer, p99', value: round(percentile(acksMs, 0.99)), unit: 'ms' },
    {
      name: 'asOf behind the clock, p99',
      value: Math.round(
        percentile(
          moments.map((each) => each.lagMs),
          0.99,
        ),
      ),
      unit: 'ms',
    },
    { name: 'CPU of the server a million hits', value: round((cpuSeconds / accepted) * 1e6), unit: 's' },
  ]
}

/** A goal of the full length only: memory and files go up and down with each publication, of which a few minutes have few. */
function ifLong(value: number): Pick<Figure, 'goal' | 'issue'> {
  return quick ? {} : { goal: { at: 'most', value }, issue: 9 }
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
