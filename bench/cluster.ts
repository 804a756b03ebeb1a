/**
 * Accept to visible in a cluster: 2,000 hits/s for some minutes into two collectors, two workers, two publishers and a
 * gateway, with the epochs of production (60 s). For every second of sending: how long after its 202 were its hits
 * visible, that is, had `asOf` passed it. Beside it the cost: CPU seconds of each role per million hits.
 *
 * Needs real servers: `npm run cluster:up`, `eval "$(node infra/local/cluster/up.mjs --print-env)"`. Loopback only.
 */
import { createCluster, serversOf } from '../cli/test/support/cluster.ts'
import { sendAll } from '../cli/test/support/sender.ts'
import { call } from '../cli/test/support/server.ts'
import { manyShops, type Sending, type Shop, traffic } from '../cli/test/support/traffic.ts'
import type { Figure } from './record.ts'
import { type Report, report } from './report.ts'

const hitsPerSecond = Number(process.env.BENCH_HITS_PER_SECOND ?? 2_000)
const seconds = Number(process.env.BENCH_SECONDS ?? 240)
const hitsPerRequest = 20
const epoch = process.env.BENCH_EPOCH ?? '60s'
const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))
const shops = manyShops(50)

const cluster = await createCluster({
  servers: serversOf(process.env),
  roles: { gateway: 1, collector: 2, worker: 2, maintenance: 2 },
  partitions: 4,
  env: { HITLAKE_WAREHOUSE_EPOCH: epoch, HITLAKE_ROLLUPS_EPOCH: epoch },
})
let found: Report | undefined
try {
  await cluster.addShops(shops)
  const requests = requestsOf(traffic({ seed: 1, count: hitsPerSecond * seconds, now: Date.now() - 60_000, of: shops }))
  const cpuBefore = await cpuSeconds()
  const began = Date.now()
  /** When the last answer of each second of sending came. */
  const answered = new Map<number, number>()
  const visible = new Map<number, number>()
  let sending = true
  const watching = watch()
  const tail = sendAll(requests, {
    url: () => cluster.collectorUrl(),
    keyOf: cluster.writeKey,
    lanes: 8,
    async beforeAttempt(index) {
      await sleep(began + (index * hitsPerRequest * 1_000) / hitsPerSecond - Date.now())
    },
    onAnswered() {
      const now = Date.now()
      answered.set(Math.floor((now - began) / 1_000), now)
    },
  })
  await tail
  const sentMs = Date.now() - began
  sending = false
  await watching
  const waits = [...answered]
    .map(([second, at]) => ((visible.get(second) ?? Number.NaN) - at) / 1_000)
    .sort((a, b) => a - b)
  const at = (share: number) =>
    rounded(waits[Math.min(waits.length - 1, Math.floor(waits.length * share))] ?? Number.NaN)
  const hits = requests.length * hitsPerRequest
  const figures: Figure[] = [
    { name: 'accept to visible, median', value: at(0.5), unit: 's' },
    { name: 'accept to visible, p99', value: at(0.99), unit: 's' },
    { name: 'accept to visible, longest', value: rounded(waits.at(-1) ?? Number.NaN), unit: 's' },
    { name: 'hits sent', value: Math.round((hits * 1_000) / sentMs), unit: 'hits/s', note: `${hits} in all` },
  ]
  for (const [role, total] of await cpuSeconds()) {
    const spent = total - (cpuBefore.get(role) ?? 0)
    const note = `${spent.toFixed(1)} CPU s of all copies`
    figures.push({
      name: `${role}: hits for each second of processor time`,
      value: Math.round(hits / spent),
      unit: 'hits/CPU-s',
      note,
    })
  }
  found = {
    figures,
    remarks: [`Epochs of ${epoch}; two collectors, workers and publishers, one gateway, four partitions.`],
  }

  async function watch(): Promise<void> {
    const shop = shops[0] as Shop
    const url = `${cluster.gatewayUrl()}/v1/merchants/${shop.id}/timeseries?interval=day&metrics=hits`
    while (sending || visible.size < answered.size) {
      const { body } = await call<{ meta?: { asOf: string } }>(url, { key: cluster.readKey(shop) })
      const asOf = Date.parse(body.meta?.asOf ?? '')
      const now = Date.now()
      for (const [second, last] of answered) {
        const whole = sending && now < began + (second + 1) * 1_000
        if (!whole && !visible.has(second) && asOf > last) visible.set(second, now)
      }
      await sleep(250)
    }
  }
} finally {
  await cluster.remove()
}
if (found !== undefined) report(found)

function rounded(seconds: number): number {
  return Math.round(seconds * 10) / 10
}

/** Requests of one shop each, all of one size, in turn. */
function requestsOf(sendings: readonly Sending[]): Sending[][] {
  const byShop = new Map<string, Sending[]>()
  const requests: Sending[][] = []
  for (const sending of sendings) {
    const open = byShop.get(sending.shop.id) ?? []
    open.push(sending)
    if (open.length < hitsPerRequest) byShop.set(sending.shop.id, open)
    else {
      byShop.delete(sending.shop.id)
      requests.push(open)
    }
  }
  return requests
}

async function cpuSeconds(): Promise<Map<string, number>> {
  const sums = new Map<string, number>()
  for (const member of cluster.members) {
    const { body } = await call<string>(`${member.life.url}/metrics`)
    const seconds = Number(/^process_cpu_seconds_total (\S+)$/m.exec(body)?.[1] ?? Number.NaN)
    sums.set(member.role, (sums.get(member.role) ?? 0) + seconds)
  }
  return sums
}
