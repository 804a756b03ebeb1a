/**
 * `npm run bench:sustained [-- --rate 20000 --seconds 60 --batch 50]`: a whole Hitlake of its own in a child process, fed
 * over HTTP at a steady rate from this one. Reports hits accepted, lag behind the clock (now − asOf)
 * each second, how long from a 202 until a query shows the hit (p50, p99), memory at its highest, and what the data
 * folder weighs after a clean stop. The sender shares the machine's cores with the server.
 */
import { readdirSync, statSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Figure } from './record.ts'
import { report } from './report.ts'
import { startServer, usageOf } from './server.ts'

const { values } = parseArgs({
  options: {
    rate: { type: 'string', default: '20000' },
    seconds: { type: 'string', default: '60' },
    batch: { type: 'string', default: '50' },
    keep: { type: 'boolean', default: false },
  },
})
const rate = Number(values.rate)
const seconds = Number(values.seconds)
const batch = Number(values.batch)
const lanes = 16

const agent = new Agent({ keepAlive: true, maxSockets: lanes + 4 })
const server = await startServer({ HITLAKE_KEY_QUOTA: '1000000' })
const { url, keys, dataDir } = server
const probe = await post('/v1/admin/merchants', keys.adminKey, {
  id: 'probe',
  name: 'Probe',
  timeZone: 'UTC',
  currency: 'EUR',
})

let accepted = 0
let unanswered = 0
let nextId = 0
const startedAt = performance.now()
const endAt = startedAt + seconds * 1000

async function lane(): Promise<void> {
  while (performance.now() < endAt) {
    const due = ((performance.now() - startedAt) / 1000) * rate
    if (nextId + batch > due) {
      await new Promise((resolve) => setTimeout(resolve, 2))
      continue
    }
    const hits = Array.from({ length: batch }, () => hit(nextId++))
    const reply = await post('/v1/hits', keys.writeKey, hits).catch(() => ({ status: 0, body: {} }))
    if (reply.status === 202) accepted += batch
    else unanswered += batch
  }
}

function hit(index: number): object {
  return {
    id: `s${index}`,
    name: index % 30 === 0 ? 'purchase' : index % 4 === 0 ? 'add_to_cart' : 'page_view',
    time: Date.now(),
    visitor: `visitor-${(index * 7919) % 200_000}`,
    url: `https://shop.example/products/${(index * 31) % 5_000}?utm=${index % 7}`,
    referrer: index % 3 === 0 ? 'https://www.search.example/results?q=shoes' : 'https://shop.example/',
    title: 'Running shoes, light and fast',
    ...(index % 30 === 0 && { revenue: { amount: (index % 10_000) / 100, currency: 'EUR' } }),
    props: { load_ms: index % 3_000, variant: index % 2 === 0 ? 'a' : 'b', logged_in: index % 5 === 0 },
    context: { userAgent: agents[index % agents.length], language: 'en', screen: '1920x1080' },
  }
}
const agents = [
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36',
  'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1',
  'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)',
]

/** One hit of the probe merchant after the other: from its 202 until the series counts it. */
const visible: number[] = []
async function probeLane(): Promise<void> {
  for (let count = 1; performance.now() < endAt; count++) {
    await post('/v1/hits', probe.body.writeKey, { id: `p${count}`, name: 'page_view' })
    const at = performance.now()
    while ((await probeCount()) < count && performance.now() < endAt + 30_000)
      await new Promise((r) => setTimeout(r, 50))
    visible.push(performance.now() - at)
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 700))
  }
}
async function probeCount(): Promise<number> {
  const path = '/v1/merchants/probe/timeseries?interval=day&metrics=hits'
  const reply = await get(path, probe.body.readKey)
  return (reply.body.buckets ?? []).reduce((sum: number, bucket: { hits: number }) => sum + bucket.hits, 0)
}

const lags: number[] = []
let peakRssMb = 0
const watch = setInterval(async () => {
  peakRssMb = Math.max(peakRssMb, usageOf(server.process.pid).rssMb)
  const { body } = await get('/v1/merchants/demo/timeseries?interval=day&metrics=hits', keys.readKey)
  lags.push((Date.now() - Date.parse(body.meta.asOf)) / 1000)
}, 1000)

await Promise.all([...Array.from({ length: lanes }, lane), probeLane()])
clearInterval(watch)
const { cpuSeconds } = usageOf(server.process.pid)
const stopAt = performance.now()
const code = await server.stop()

const megabytes = (folder: string) => weigh(folder) / 1e6
const folderMb = megabytes(dataDir)
const logMb = megabytes(join(dataDir, 'log'))
const stopSeconds = (performance.now() - stopAt) / 1000
if (code !== 0) throw new Error(`the server ended with ${code}`)
const rounded = (value: number) => Number(value.toPrecision(4))
const figures: readonly Figure[] = [
  {
    ...{
      name: 'accepted in the time, of those asked for',
      value: rounded((100 * accepted) / (rate * seconds)),
      unit: '%',
    },
    note: `${accepted.toLocaleString('en')} hits of ${rate.toLocaleString('en')}/s in ${seconds} s, ${unanswered} refused`,
  },
  { name: 'hits accepted', value: Math.round(accepted / seconds), unit: 'hits/s' },
  { name: 'lag of asOf, median', value: rounded(quantile(lags, 0.5)), unit: 's' },
  { name: 'lag of asOf at its longest', value: rounded(Math.max(...lags)), unit: 's' },
  {
    ...{
      name: 'from the 202 until a query shows the hit, p99',
      value: rounded(quantile(visible, 0.99) / 1000),
      unit: 's',
    },
    note: `${visible.length} probes, median ${rounded(quantile(visible, 0.5) / 1000)} s`,
  },
  { name: 'memory at its most', value: Math.round(peakRssMb), unit: 'MB', note: 'RSS of the process' },
  {
    ...{ name: 'processor time of the server', value: rounded(cpuSeconds), unit: 's' },
    note: `of ${2 * seconds} s of two cores, sender not counted`,
  },
  {
    ...{ name: 'hits for each second of processor time', value: Math.round(accepted / cpuSeconds), unit: 'hits/CPU-s' },
    note: 'accepted, processed, stored and published; start included',
  },
  { name: 'clean stop', value: rounded(stopSeconds), unit: 's', note: 'publishes what the last minute brought' },
  {
    ...{ name: 'data folder for 1 M hits', value: rounded((folderMb * 1e6) / accepted), unit: 'MB' },
    note: `${Math.round(folderMb)} MB for ${accepted.toLocaleString('en')} hits, ${Math.round(logMb)} MB of it log`,
  },
]
if (values.keep) console.log(dataDir)
else server.removeData()
report({ figures })
process.exit(0)

function quantile(of: readonly number[], q: number): number {
  const sorted = [...of].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN
}

function weigh(folder: string): number {
  let bytes = 0
  try {
    for (const name of readdirSync(folder)) {
      const path = join(folder, name)
      const stat = statSync(path)
      bytes += stat.isDirectory() ? weigh(path) : stat.size
    }
  } catch {
    // a folder that is not there weighs nothing
  }
  return bytes
}

// biome-ignore lint/suspicious/noExplicitAny: replies of a script that only prints
type Reply = { status: number; body: any }

function post(path: string, key: string, body: unknown): Promise<Reply> {
  return send('POST', path, key, JSON.stringify(body))
}

function get(path: string, key: string): Promise<Reply> {
  return send('GET', path, key)
}

function send(method: string, path: string, key: string, payload?: string): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const sent = request(
      url + path,
      {
        method,
        agent,
        headers: {
          authorization: `Bearer ${key}`,
          ...(payload && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) }),
        },
      },
      (response) => {
        let text = ''
        response.on('data', (chunk) => {
          text += chunk
        })
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: JSON.parse(text || '{}') }))
      },
    )
    sent.on('error', reject)
    sent.end(payload)
  })
}
