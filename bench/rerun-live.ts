/**
 * `node dist/bench/rerun-live.js [--hits 300000] [--rate 100] [--seconds 20]`: what live traffic feels of a rerun. A whole
 * Hitlake of its own holds so many hits; one sender sends so many requests of one hit a second, at their time whatever the
 * answers take. Its p99 from the moment a request was due to its 202, alone, while a rerun backfills, and alone again; the
 * ratio of the second to the mean of the others (goal: below 2). The sender shares the machine's cores with the server.
 */
import { Agent, request } from 'node:http'
import { parseArgs } from 'node:util'
import { report } from './report.ts'
import { startServer, usageOf } from './server.ts'
import { describeTimes, percentile } from './support/percentiles.ts'

const { values } = parseArgs({
  options: {
    hits: { type: 'string', default: '300000' },
    rate: { type: 'string', default: '100' },
    seconds: { type: 'string', default: '20' },
  },
})
const [hits, rate, seconds] = [values.hits, values.rate, values.seconds].map(Number) as [number, number, number]

const server = await startServer({ HITLAKE_KEY_QUOTA: '1000000', HITLAKE_PUBLISH_EVERY: '2s' })
const { url, keys } = server
const agent = new Agent({ keepAlive: true, maxSockets: 64 })

interface Reply {
  readonly status: number
  readonly body: unknown
}

function ask(path: string, key: string, body?: unknown): Promise<Reply> {
  const payload = body === undefined ? undefined : JSON.stringify(body)
  return new Promise((resolve, reject) => {
    const sent = request(
      `${url}${path}`,
      {
        agent,
        method: payload === undefined ? 'GET' : 'POST',
        headers: {
          authorization: `Bearer ${key}`,
          ...(payload !== undefined && { 'content-type': 'application/json' }),
        },
      },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk) => chunks.push(chunk))
        response.on('end', () => {
          resolve({ status: response.statusCode ?? 0, body: JSON.parse(Buffer.concat(chunks).toString() || 'null') })
        })
      },
    )
    sent.on('error', reject)
    sent.end(payload)
  })
}

const dayMs = 86_400_000
let next = 0
function hit(): object {
  const index = next++
  return {
    id: `r${index}`,
    name: index % 30 === 0 ? 'purchase' : 'page_view',
    time: Date.now() - (index % 20) * dayMs,
    visitor: `visitor-${(index * 7919) % 20_000}`,
    url: `https://shop.example/products/${(index * 31) % 500}`,
    referrer: index % 3 === 0 ? 'https://www.google.com/' : 'https://shop.example/',
    ...(index % 30 === 0 && { revenue: { amount: (index % 10_000) / 100, currency: 'EUR' } }),
  }
}

/** Requests at a steady rate, until `until` or the time is over; ms of each from when it was due. */
async function steady(until: () => boolean): Promise<readonly number[]> {
  const times: number[] = []
  const under: Promise<void>[] = []
  const began = performance.now()
  for (let count = 0; !until(); count++) {
    const due = began + (count * 1_000) / rate
    if (due - began > seconds * 1_000) break
    while (performance.now() < due) await new Promise((resolve) => setTimeout(resolve, 1))
    under.push(
      ask('/v1/hits', keys.writeKey, hit()).then(({ status }) => {
        if (status !== 202) throw new Error(`a hit was answered ${status}`)
        times.push(performance.now() - due)
      }),
    )
  }
  await Promise.all(under)
  return times
}

async function waitFor<T>(path: string, holds: (body: T) => boolean): Promise<T> {
  for (;;) {
    const { body } = await ask(path, keys.adminKey)
    if (holds(body as T)) return body as T
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

for (let sent = 0; sent < hits; sent += 500) {
  await ask('/v1/hits', keys.writeKey, Array.from({ length: 500 }, hit))
}
const [newest] = await waitFor<readonly { readonly id: string; readonly rows: number }[]>(
  '/v1/admin/tables/hits/snapshots',
  ([first]) => (first?.rows ?? 0) >= hits,
)
const forEver = () => false
await steady(forEver)
const before = await steady(forEver)
const { body } = await ask('/v1/admin/reruns', keys.adminKey, { pipeline: 'hits', snapshot: newest?.id })
const { id } = body as { readonly id: number }
const path = `/v1/admin/reruns/${id}`
await waitFor<{ readonly state: string }>(path, ({ state }) => state === 'backfilling')
let isOver = false
const rssMb: number[] = []
const watching = (async () => {
  for (; !isOver; await new Promise((resolve) => setTimeout(resolve, 500))) {
    rssMb.push(usageOf(server.process.pid).rssMb)
    const { state } = (await ask(path, keys.adminKey)).body as { readonly state: string }
    if (state !== 'backfilling') isOver = true
  }
})()
const began = performance.now()
const during = await steady(() => isOver)
const took = (performance.now() - began) / 1_000
const wasStill = !isOver
isOver = true
await watching
await waitFor<{ readonly state: string }>(path, ({ state }) => state === 'ready' || state === 'failed')
const after = await steady(forEver)
const alone = (percentile(before, 0.99) + percentile(after, 0.99)) / 2
const times = (of: readonly number[]) => Number(percentile(of, 0.99).toPrecision(3))
const name = 'p99 of acks while a rerun backfills'
await server.stop()
server.removeData()
agent.destroy()
const backfill = wasStill ? [] : [{ name: 'backfill', value: Math.round(hits / took), unit: 'hits/s' }]
report({
  figures: [
    {
      ...{
        name: `${name}, against alone`,
        value: Number((percentile(during, 0.99) / alone).toPrecision(3)),
        unit: 'ratio',
      },
      ...{ control: 'p99 before and after the rerun, their mean', note: `${rate} requests of one hit a second` },
    },
    { name: 'p99 of acks before', value: times(before), unit: 'ms', note: describeTimes(before) },
    { name, value: times(during), unit: 'ms', note: describeTimes(during) },
    { name: 'p99 of acks after', value: times(after), unit: 'ms', note: describeTimes(after) },
    ...backfill,
    { name: 'memory at its most', value: Math.round(Math.max(...rssMb)), unit: 'MB', note: 'RSS of the process' },
  ],
  remarks: [
    `${hits.toLocaleString('en')} hits; the rerun took ${wasStill ? 'longer than' : ''} ${took.toFixed(1)} s of sending.`,
  ],
})
