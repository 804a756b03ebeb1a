/**
 * The two steps that cost something per hit, each beside what it can hardly be cheaper than.
 * - dedupe: a bare JS Set of `merchant id` texts, which neither expires nor is bounded nor survives a restart. Ours is the
 *   real one: on disk, with a checkpoint every 40,000 hits (an epoch of 2 s at 20,000 hits/s) and merges.
 * - enrich: JSON.stringify of the same hits. Half of their URLs are new to the process, user agents and networks repeat.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { folderObjectStore } from '../core/adapters/folder-object-store.ts'
import { nodeDisk } from '../core/adapters/node/node-disk.ts'
import { systemRandom } from '../core/adapters/node/system.ts'
import { dayMs, type EventTime, type ReceivedTime } from '../core/event-time.ts'
import type { FeedHit } from '../core/hit.ts'
import type { MerchantId, Offset } from '../core/ids.ts'
import { createHasher } from '../core/sketch/hasher.ts'
import { loadCountryData } from '../pipelines/adapters/local/country-data.ts'
import { nodeSyncReader } from '../pipelines/adapters/local/node-sync-reader.ts'
import { openDedupeState } from '../pipelines/core/dedupe/dedupe-state.ts'
import { type EnrichContext, enrich } from '../pipelines/jobs/enrich.ts'
import { createUserAgentReader } from '../pipelines/jobs/user-agent.ts'
import type { Bench } from './runner.ts'

const dedupeHits = 1_000_000
const epochHits = 40_000
const enrichHits = 100_000
const received = Date.parse('2026-03-01T12:00:00.000Z') as ReceivedTime

const dedupeBench: Bench = {
  name: 'dedupe: first seen, 1 M new hits with checkpoints',
  unit: 'hits/s',
  control: {
    name: 'JS Set',
    async run() {
      const seen = new Set<string>()
      return perSecond(dedupeHits, () => {
        for (let i = 0; i < dedupeHits; i++) seen.add(`shop-${i % 100} ${hitId(i)}`)
      })
    },
  },
  candidate: {
    name: 'dedupe state',
    async run() {
      const folder = mkdtempSync(join(tmpdir(), 'hitlake-steps-'))
      const reader = nodeSyncReader()
      const state = await openDedupeState({
        objects: await folderObjectStore(nodeDisk(folder), 'objects'),
        prefix: 'dedupe',
        saved: null,
        withinMs: dayMs,
        limitBytes: 256 * 2 ** 20,
        random: systemRandom,
        reader,
      })
      const speed = await perSecond(dedupeHits, async () => {
        for (let i = 0; i < dedupeHits; i++) {
          state.firstSeen(`shop-${i % 100}`, hitId(i), received + Math.floor(i / 20))
          if (i % epochHits === epochHits - 1) await state.checkpoint()
        }
      })
      reader.close()
      rmSync(folder, { recursive: true })
      return speed
    },
  },
}

let context: EnrichContext
const hits = Array.from({ length: enrichHits }, (_, i) => feedHit(i))

const enrichBench: Bench = {
  name: 'enrich: one hit',
  unit: 'hits/s',
  async setup() {
    const { visitorHash } = await createHasher()
    const { country } = await loadCountryData()
    const visitorSeed = (merchant: string) => merchant.slice(-2).padStart(16, '0')
    context = { visitorSeed, visitorHash, country, userAgents: createUserAgentReader() }
  },
  control: { name: 'JSON.stringify', run: () => perSecond(enrichHits, () => eachHit((hit) => JSON.stringify(hit))) },
  candidate: { name: 'enrich', run: () => perSecond(enrichHits, () => eachHit((hit) => enrich(hit, context))) },
}

export const benches: readonly Bench[] = [dedupeBench, enrichBench]

function eachHit(step: (hit: FeedHit) => object | string): void {
  let results = 0
  for (const hit of hits) if (step(hit)) results += 1
  if (results !== enrichHits) throw new Error('a step gave nothing')
}

async function perSecond(count: number, work: () => void | Promise<void>): Promise<number> {
  const began = performance.now()
  await work()
  return (count * 1_000) / (performance.now() - began)
}

/** As long as a UUID, and as unlike its neighbours. */
function hitId(i: number): string {
  return `${(Math.imul(i, 2654435761) >>> 0).toString(16).padStart(8, '0')}-4c1e-4a7b-9d52-${String(i).padStart(12, '0')}`
}

function feedHit(i: number): FeedHit {
  const page = i % 2 === 0 ? `products/${i}?utm_source=mail&click=${i}` : `collections/${i % 50}/`
  return {
    merchant: `shop-${10 + (i % 20)}` as MerchantId,
    id: hitId(i),
    name: i % 30 === 0 ? 'purchase' : 'page_view',
    time: received as number as EventTime,
    visitor: `visitor-${i % 30_000}`,
    session: null,
    user: null,
    url: `https://www.shop${i % 20}.example/${page}`,
    referrer: i % 3 === 0 ? `https://www.google.com/search?q=${i}` : `https://www.shop${i % 20}.example/`,
    title: 'A page of the shop',
    revenue: null,
    items: [],
    props: { load_ms: i % 2_000 },
    context: null,
    zone: 'Europe/Berlin',
    currency: 'EUR',
    received,
    addressPrefix: `${1 + (i % 200)}.${i % 97}.${i % 31}.0/24`,
    requestUserAgent: `Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${i % 300}.0 Safari/537.36`,
    requestLanguage: 'de-DE',
    requestClientHints: null,
    keyKind: 'browser',
    source: 'log-1',
    position: { partition: 0, offset: i as Offset, index: 0 },
  }
}
