/**
 * What a run will do, drawn from its seed before it begins: who sends and asks what when, and which faults come. Times are
 * steps of the schedule, so that a plan with a fault less is the same run up to that fault.
 */
import { dayMs, hourMs, minuteMs } from '../../core/event-time.ts'
import type { MerchantId } from '../../core/ids.ts'
import type { Merchant } from '../../core/ports/control-store.ts'
import { type Draw, drawOf } from './random.ts'
import type { Fate } from './schedule.ts'

export type Variant = 'embedded' | 'cluster'

export const startMs = Date.parse('2026-03-01T09:20:00.000Z')
/** Steps in which faults and traffic come, where a caller does not say. */
export const defaultSteps = 1_200

export type Doing =
  | { readonly do: 'send'; readonly merchant: number; readonly collector: number; readonly hits: readonly Hit[] }
  | { readonly do: 'poison'; readonly collector: number }
  | { readonly do: 'ask'; readonly merchant: number; readonly gateway: number }
  | { readonly do: 'erase'; readonly merchant: number; readonly visitor: string }
  | { readonly do: 'maintain' }
  /** The next move of a rerun; `merchant`: whose hits a new one is of, null for all. */
  | { readonly do: 'rerun'; readonly merchant: number | null; readonly pick: number }
  | { readonly do: 'rest'; readonly ms: number }

export type Fault =
  | { readonly fault: 'call'; readonly fate: Fate; readonly port: string | null; readonly method: string | null }
  | {
      readonly fault: 'disk'
      readonly kind: 'write' | 'datasync' | 'create' | 'remove'
      readonly code: 'EIO' | 'ENOSPC'
    }
  | { readonly fault: 'kill' | 'power' | 'stop'; readonly process: number }
  | { readonly fault: 'pause'; readonly process: number; readonly ms: number }
  | { readonly fault: 'cut'; readonly machine: number; readonly port: string; readonly ms: number }
  | { readonly fault: 'clock'; readonly machine: number; readonly ms: number }
  | { readonly fault: 'full'; readonly ms: number }
  | { readonly fault: 'flip'; readonly place: number; readonly bit: number }
  | { readonly fault: 'objects'; readonly place: number; readonly bit: number }

export interface Hit {
  readonly id?: string
  readonly name: string
  readonly time?: number
  readonly visitor?: string
  readonly [field: string]: unknown
}

export interface Plan {
  readonly seed: number
  readonly variant: Variant
  readonly steps: number
  readonly doings: readonly { readonly at: number; readonly what: Doing }[]
  readonly faults: readonly { readonly at: number; readonly what: Fault }[]
  readonly knobs: Knobs
}

/** Limits and pauses, small enough that a run of seconds meets what a year brings. */
export interface Knobs {
  readonly segmentMaxBytes: number
  readonly epochMs: number
  readonly epochMaxHits: number
  readonly publishEveryMs: number
  readonly publishMaxFiles: number
  readonly maintainEveryMs: number
  readonly leaseMs: number
  readonly discardGraceMs: number
  readonly erasureSettleMs: number
  readonly partitions: number
}

export const shops: readonly Merchant[] = [
  shop('anna', 'UTC', 'EUR', ['secret']),
  shop('ben', 'Asia/Kolkata', 'INR', []),
  shop('carla', 'Asia/Kathmandu', 'EUR', ['secret', 'hidden']),
]
/** By shop: all of them keep the same offset all year, so a recount needs no calendar of ours. */
export const offsetsMs: readonly number[] = [0, 330 * minuteMs, 345 * minuteMs]
export const botAgent = 'a bot of some kind'

function shop(id: string, timeZone: string, currency: string, blockedNames: readonly string[]): Merchant {
  return {
    id: id as MerchantId,
    name: id,
    timeZone,
    currency,
    blockedNames,
    visitorSeed: Buffer.from(id.padEnd(8, '.')).toString('hex'),
    retentionDays: null,
  }
}

export interface PlanChoices {
  readonly seed: number
  readonly variant?: Variant
  readonly steps?: number
  /** Faults of these numbers are left out. */
  readonly without?: ReadonlySet<number>
  /** Doings of these numbers are left out. */
  readonly idle?: ReadonlySet<number>
  readonly faults?: 'drawn' | 'none'
}

export function makePlan(choices: PlanChoices): Plan {
  const { seed, steps = defaultSteps, without = new Set(), idle = new Set() } = choices
  const variant = choices.variant ?? (seed % 2 === 0 ? 'embedded' : 'cluster')
  const doings = drawDoings(drawOf(seed, 'traffic'), steps, variant)
  const reruns = drawReruns(drawOf(seed, 'reruns'), steps)
  const faults = choices.faults === 'none' ? [] : drawFaults(drawOf(seed, 'faults'), steps, variant)
  return {
    seed,
    variant,
    steps,
    doings: [...doings, ...reruns].sort((a, b) => a.at - b.at).filter((_, number) => !idle.has(number)),
    faults: faults.filter((_, number) => !without.has(number)),
    knobs: drawKnobs(drawOf(seed, 'knobs')),
  }
}

function drawKnobs(draw: Draw): Knobs {
  return {
    segmentMaxBytes: draw.of([600, 2_000, 8_000]),
    epochMs: draw.of([200, 2_000, 10_000]),
    epochMaxHits: draw.of([2, 5, 20, 200]),
    publishEveryMs: draw.of([500, 5_000, 20_000]),
    publishMaxFiles: draw.of([2, 10, 1_000]),
    maintainEveryMs: draw.of([3_000, 20_000, 60_000]),
    leaseMs: draw.of([10_000, 30_000]),
    discardGraceMs: draw.of([1_000, 10_000]),
    partitions: draw.of([1, 2, 3]),
    // Last: seeds from before it was drawn mean what they did.
    erasureSettleMs: draw.of([0, 20_000, 60_000]),
  }
}

function drawDoings(draw: Draw, steps: number, variant: Variant): Plan['doings'] {
  const doings: { at: number; what: Doing }[] = []
  const sent: { readonly merchant: number; readonly hit: Hit }[] = []
  let serial = 0
  const newHit = (merchant: number): Hit => {
    const again = sent.filter((each) => each.merchant === merchant)
    if (again.length > 0 && draw.oneIn(4)) return draw.of(again).hit
    serial += 1
    const hit = drawHit(draw, serial)
    if (hit.id !== undefined) sent.push({ merchant, hit })
    return hit
  }
  const count = Math.floor(steps / draw.of([8, 15, 30]))
  const [collectors, gateways] = variant === 'cluster' ? [2, 2] : [1, 1]
  for (let n = 0; n < count; n++) {
    const at = draw.below(steps)
    const merchant = draw.below(shops.length)
    const collector = draw.below(collectors)
    const kind = draw.below(100)
    if (kind < 62) {
      const hits = Array.from({ length: draw.of([1, 1, 1, 2, 4, 12]) }, () => newHit(merchant))
      doings.push({ at, what: { do: 'send', merchant, collector, hits } })
    } else if (kind < 65) doings.push({ at, what: { do: 'poison', collector } })
    else if (kind < 88) doings.push({ at, what: { do: 'ask', merchant, gateway: draw.below(gateways) } })
    else if (kind < 90) {
      doings.push({ at, what: { do: 'erase', merchant, visitor: `v${draw.below(6)}` } })
    } else if (kind < 93) doings.push({ at, what: { do: 'maintain' } })
    else doings.push({ at, what: { do: 'rest', ms: draw.of([10_000, 10 * minuteMs, 3 * hourMs, 13 * hourMs]) } })
  }
  return doings.sort((a, b) => a.at - b.at)
}

/** In a third of the runs. */
function drawReruns(draw: Draw, steps: number): Plan['doings'] {
  if (!draw.oneIn(3)) return []
  return Array.from({ length: draw.between(2, 10) }, () => {
    const merchant = draw.oneIn(2) ? null : draw.below(shops.length)
    return { at: draw.below(steps), what: { do: 'rerun', merchant, pick: draw.below(100) } }
  })
}

const oddTexts = ["'; DROP TABLE hits; --", '\u202e\u{1f6d2}', 'a"b\\c', '%00', '$`{1}`', 'ä'.repeat(60), '-1e999']

function drawHit(draw: Draw, serial: number): Hit {
  const micros = draw.of([0, 1, 199, 123_456])
  return {
    ...(draw.oneIn(12) ? {} : { id: draw.oneIn(25) ? `${draw.of(oddTexts)}${serial}` : `h${serial}` }),
    name: draw.of(['page_view', 'page_view', 'page_view', 'purchase', 'custom', 'secret', 'hidden', draw.of(oddTexts)]),
    ...(draw.oneIn(3)
      ? {}
      : { time: startMs - draw.of([0, 1, minuteMs, 40 * minuteMs, 5 * hourMs, dayMs, 2 * dayMs]) }),
    ...(draw.oneIn(6) ? {} : { visitor: `v${draw.below(6)}` }),
    ...(draw.oneIn(3) ? { url: `https://shop.example/${draw.of(['', 'a', 'b/c', encodeURIComponent('ü')])}` } : {}),
    ...(draw.oneIn(4) ? { revenue: { amount: micros / 100, currency: draw.of(['EUR', 'INR']) } } : {}),
    ...(draw.oneIn(10) ? { context: { userAgent: botAgent } } : {}),
    props: { n: serial, ...(draw.oneIn(20) ? { odd: draw.of(oddTexts) } : {}) },
  }
}

/** Faults that only a cluster can meet are drawn for it alone. */
function drawFaults(draw: Draw, steps: number, variant: Variant): Plan['faults'] {
  const count = draw.of([1, 3, 6, 12, 25])
  return Array.from({ length: count }, () => ({ at: draw.below(steps), what: drawFault(draw, variant) })).sort(
    (a, b) => a.at - b.at,
  )
}

const embeddedPorts = [
  ['disk', null],
  ['store', null],
  ['store', 'commitEpoch'],
  ['store', 'finishPublication'],
  ['store', 'beginPublication'],
  ['store', 'addAccepted'],
  ['lake', null],
  ['lake', 'publish'],
  ['lake', 'stage'],
  ['lake', 'rewrite'],
  ['lake', 'derive'],
  ['objects', null],
  ['objects', 'put'],
  ['engine', null],
  [null, null],
] as const
const clusterPorts = [
  ...embeddedPorts,
  ['kafka', null],
  ['kafka', 'send'],
  ['store', 'report'],
  ['store', 'acquire'],
] as const

function drawFault(draw: Draw, variant: Variant): Fault {
  const [port, method] = draw.of(variant === 'cluster' ? clusterPorts : embeddedPorts)
  const isCluster = variant === 'cluster'
  const process = draw.below(100)
  const call = (fate: Fate): Fault => ({ fault: 'call', fate, port, method })
  const kind = draw.below(100)
  if (kind < 14) return call('dies before')
  if (kind < 30) return call('dies after')
  if (kind < 40) return call('refused')
  if (kind < 52) return call('answer lost')
  if (kind < 58) return call(isCluster ? 'done late' : 'answer lost')
  if (kind < 62) return call(isCluster ? 'done twice' : 'refused')
  if (kind < 70) {
    const code = draw.of(['EIO', 'ENOSPC'] as const)
    return { fault: 'disk', kind: draw.of(['write', 'datasync', 'datasync', 'create', 'remove'] as const), code }
  }
  if (kind < 74) return { fault: 'kill', process }
  if (kind < 82) return { fault: 'power', process }
  if (kind < 84) return { fault: 'stop', process }
  if (kind < 88) return { fault: 'pause', process, ms: draw.of([500, 15_000, 90_000]) }
  if (kind < 91) {
    const ms = draw.of([500, 5_000, 70_000])
    return { fault: 'cut', machine: process, port: draw.of(['store', 'lake', 'objects', 'kafka', 'engine']), ms }
  }
  if (kind < 95) {
    return {
      fault: 'clock',
      machine: process,
      ms: draw.of([-1, 1]) * draw.of([5, 1_000, minuteMs, 2 * hourMs, 26 * hourMs]),
    }
  }
  if (kind < 96) return { fault: 'full', ms: draw.of([500, 8_000, 60_000]) }
  if (kind < 98) return { fault: 'flip', place: draw.below(2 ** 30), bit: draw.below(8) }
  return { fault: 'objects', place: draw.below(2 ** 30), bit: draw.below(8) }
}
